// qwen3guard as a contender.
import { loadBinding } from '../../dist/binding/addon.js'
import { unpackRequests, unpackResults } from '../../dist/binding/packed.js'
import { GenGuard } from '../../dist/index.js'

export async function open(options) {
  const recorded = recordDecodes()
  const guard = await GenGuard.load(options)
  return {
    /** One verdict. */
    one: (input) => guard.classify(input).then(answer),
    /** Many at once. */
    many: async (inputs) => {
      const answers = []
      for await (const verdict of guard.classifyAll(inputs)) answers.push(answer(verdict))
      return answers
    },
    /** What the engine was asked to decode since the last time, for the plain C++ loop to do again. */
    decodes: async () => recorded.splice(0),
  }
}

const answer = ({ text, usage }) => ({ text, usage })

/** Notes every request to a native engine: what it appends, to what, and which positions it reads. */
function recordDecodes() {
  const recorded = []
  const binding = loadBinding()
  const create = binding.createEngine
  binding.createEngine = async (model, options, onResults) => {
    const whole = new Map()
    const engine = await create.call(binding, model, options, (results, errors) => {
      // Of a whole text the engine says, when it is done, how much of it was there before.
      for (const { id, cached } of unpackResults(results, errors)) {
        const decode = whole.get(id)
        whole.delete(id)
        if (!decode) continue
        decode.keep = cached
        decode.tokens = decode.tokens.slice(cached)
        decode.read = decode.read.map((at) => at - cached)
      }
      onResults(results, errors)
    })
    const empty = (sequence) => recorded.push({ sequence, keep: 0, from: -1, tokens: [], read: [] })
    return {
      submit: (requests) => {
        for (const { id, sequence, keep, shared, tokens, read } of unpackRequests(requests)) {
          const decode = { sequence, keep, from: shared, tokens: [...tokens], read: [...read] }
          recorded.push(decode)
          if (keep < 0) whole.set(id, decode)
        }
        engine.submit(requests)
      },
      release: (sequence) => {
        empty(sequence)
        engine.release(sequence)
      },
      keep: (sequence, length) => {
        empty(sequence)
        engine.keep(sequence, length)
      },
      cancel: (id) => engine.cancel(id),
      stats: () => engine.stats(),
      close: () => engine.close(),
    }
  }
  return recorded
}
