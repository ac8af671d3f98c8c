// qwen3guard as a contender.
import { loadBinding } from '../../dist/binding/addon.js'
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
  binding.createEngine = async (...options) => {
    const engine = await create.apply(binding, options)
    return {
      submit: (requests) => {
        for (const { sequence, keep, from, tokens, read } of requests) {
          recorded.push({ sequence, keep, from, tokens: [...tokens], read: [...read] })
        }
        engine.submit(requests)
      },
      release: (sequence) => {
        recorded.push({ sequence, keep: 0, from: -1, tokens: [], read: [] })
        engine.release(sequence)
      },
      keep: (sequence, ...how) => {
        recorded.push({ sequence, keep: 0, from: -1, tokens: [], read: [] })
        engine.keep(sequence, ...how)
      },
      forget: (sequence, key) => engine.forget(sequence, key),
      cancel: (id) => engine.cancel(id),
      stats: () => engine.stats(),
      close: () => engine.close(),
    }
  }
  return recorded
}
