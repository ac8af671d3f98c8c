// The same work in process, without a server.
import { GenGuard, StreamGuard } from '../../dist/index.js'
import { NOTHING_HELD, Paced, wordsOf } from './paced.mjs'

export async function open({ gen: genModel, stream: streamModel, ...options }) {
  const gen = genModel && (await GenGuard.load({ ...options, model: genModel }))
  const stream =
    streamModel &&
    (await StreamGuard.load({ ...options, model: streamModel, contextSize: 512, maxSequences: 64 }))
  return {
    moderations: async ({ inputs, clients }) => {
      const times = []
      let next = 0
      const client = async () => {
        while (next < inputs.length) {
          const input = inputs[next++]
          const since = performance.now()
          await gen.classify(input)
          times.push(performance.now() - since)
        }
      }
      await Promise.all(Array.from({ length: clients }, client))
      return times
    },
    decoded: async () => stream.stats(),
    deltas: async ({ clients, words, run, waits }) => {
      const chat = async (_, i) => {
        const paced = new Paced(wordsOf(words), waits)
        const since = performance.now()
        const prompt = `${run}-${i}: what should I do this weekend?`
        for await (const event of stream.moderate(prompt, paced, { policy: NOTHING_HELD }))
          if (event.type === 'text') paced.read(event.text)
        return waits ? paced.times : [performance.now() - since]
      }
      return (await Promise.all(Array.from({ length: clients }, chat))).flat()
    },
  }
}
