// What `deterministic: true` costs where it pins what is decoded at once: with a cache in f32, on the 0.6B shape, beside the same
// guard without it, in turn: `npm run bench -- deterministic`.
import { GenGuard, StreamGuard } from '../dist/index.js'
import { median, quiet, table, time } from './measure.mjs'
import { padModel } from './pad-model.mjs'

const MANY = 8
const WORDS =
  'how do I bake a bread with flour and water for my friends who come to see me on the next day'.split(' ')
const text = (number, words) =>
  `${number} ${Array.from({ length: words }, (_, i) => WORDS[(i * 7 + number) % WORDS.length]).join(' ')}`

/** What is measured, in milliseconds: each is given a guard, and numbers that no text had before. */
const WORK = {
  gen: {
    'Gen: a text of 60 words': async (guard, next) => await guard.classify(text(next(), 60)),
    [`Gen: ${MANY} such texts at once`]: async (guard, next) =>
      await Promise.all(Array.from({ length: MANY }, () => guard.classify(text(next(), 60)))),
  },
  stream: {
    'Stream: a prompt of 60 words': async (guard, next) => await guard.classifyPrompt(text(next(), 60)),
    'Stream: a reply of 64 words, all at once': async (guard, next) => await replied(guard, next, 64),
    [`Stream: ${MANY} replies of 8 words, word by word`]: async (guard, next) =>
      await Promise.all(Array.from({ length: MANY }, () => replied(guard, next, 1, 8))),
  },
}

async function replied(guard, next, words, pushes = 1) {
  const moderation = await guard.open('Hello')
  try {
    for (let i = 0; i < pushes; i++) await moderation.push(`${text(next(), words)} `)
    await moderation.end()
  } finally {
    await moderation.close()
  }
}

export async function benchDeterministic({ short, threads, rounds = 3 }) {
  process.removeAllListeners('warning')
  let number = 0
  const next = () => ++number
  const rows = []
  for (const [variant, load] of Object.entries({ gen: GenGuard.load, stream: StreamGuard.load })) {
    const model = await padModel(variant, { short })
    const options = {
      model,
      gpu: false,
      kvType: 'f32',
      contextSize: 1024,
      maxSequences: MANY,
      ...(threads && { threads }),
    }
    const guards = [await load(options), await load({ ...options, deterministic: true })]
    for (const [name, work] of Object.entries(WORK[variant])) {
      for (const guard of guards) await work(guard, next)
      const times = guards.map(() => [])
      for (let round = 0; round < rounds; round++) {
        await quiet()
        for (const [i, guard] of guards.entries()) times[i].push(await time(() => work(guard, next)))
      }
      const [free, pinned] = times.map(median)
      rows.push([name, free.toFixed(0), pinned.toFixed(0), (pinned / free).toFixed(2)])
    }
    for (const guard of guards) await guard.close()
  }
  table(['Q8_0, cache in f32', 'by default, ms', 'with `deterministic`, ms', 'times'], rows)
}
