// How many promises a push makes and how many synchronous calls into the addon a verdict takes: what a text passes on its
// way to llama_decode and back. Exact counts, no times: `npm run bench -- ways` on the demonstration models.
import { createHook } from 'node:async_hooks'
import { loadBinding } from '../dist/binding/addon.js'
import { GenGuard, StreamGuard } from '../dist/index.js'
import { table } from './measure.mjs'

export async function benchWays() {
  const counts = { promises: 0, calls: 0 }
  createHook({
    init(_id, type) {
      if (type === 'PROMISE') counts.promises += 1
    },
  }).enable()

  const binding = loadBinding()
  const { loadModel, createEngine } = binding
  binding.loadModel = (...options) => {
    const { model, cancel } = loadModel.apply(binding, options)
    return { model: model.then(counting), cancel }
  }
  binding.createEngine = async (model, ...options) =>
    counting(await createEngine.call(binding, plain(model), ...options))

  const targets = new WeakMap()
  const plain = (object) => targets.get(object) ?? object

  /** The same object, each call of a method of which counts. */
  function counting(target) {
    const proxy = new Proxy(target, {
      get(_, key) {
        const value = target[key]
        if (typeof value !== 'function') return value
        return (...args) => {
          counts.calls += 1
          return value.apply(target, args)
        }
      },
    })
    targets.set(proxy, target)
    return proxy
  }

  /** Counts of one run of `work`, the way it is when it has run before: with what its own `await`s make. */
  async function counted(work) {
    await work()
    const before = { ...counts }
    await work()
    // The promise that this awaits, and the `await`, are the measurement's.
    return [counts.promises - before.promises - 2, counts.calls - before.calls]
  }

  const rows = []
  const note = (what, [promises, calls], each = 1) =>
    rows.push([what, (promises / each).toFixed(1), (calls / each).toFixed(1)])

  const stream = await StreamGuard.load({ model: 'demo-stream', gpu: false })
  const words = 'You could go for a walk in the park or visit a museum with your friends on Sunday'.split(' ')
  {
    const moderation = await stream.open('What shall I do on Sunday?')
    note(
      'Stream: a push of one word',
      await counted(async () => {
        for (const word of words) await moderation.push(` ${word}`)
      }),
      words.length,
    )
    await moderation.close()
  }
  note(
    'Stream: open, judge the prompt and close',
    await counted(async () => {
      await (await stream.open('What shall I do on Sunday?')).close()
    }),
  )
  note(
    'Stream: moderate, a word',
    await counted(async () => {
      const reply = (async function* () {
        for (const word of words) {
          // As from a network: the next word is there when this one is judged.
          await new Promise((resolve) => setTimeout(resolve, 20))
          yield ` ${word}`
        }
      })()
      for await (const _ of stream.moderate('What shall I do on Sunday?', reply));
    }),
    words.length,
  )
  await stream.close()

  const gen = await GenGuard.load({ model: 'demo-gen', gpu: false })
  const judged = async (input) => {
    await gen.classify(input)
  }
  note('Gen: a verdict on a prompt', await counted(() => judged('How do I bake bread?')))
  // Words that nobody has said yet, but in the first run.
  const fresh = ['Which quince jellies glaze zesty waffles?', 'Why do foxy wizards juggle quartz vases?']
  note('Gen: a verdict on words that are new', await counted(() => judged(fresh.pop() ?? '')))
  note(
    'Gen: a verdict on a reply',
    await counted(() =>
      judged([
        { role: 'user', content: 'How do I bake bread?' },
        { role: 'assistant', content: 'Mix flour, water, salt and yeast, and wait.' },
      ]),
    ),
  )
  await gen.close()

  table(['', 'promises', 'calls into the addon'], rows)
}
