// Child: many streams of one guard. First as fast as each can, a push as soon as the last one's verdicts came; then at
// a pace, a token of every stream each 50 ms, as 20 tokens a second of a model arrive.
import { setTimeout } from 'node:timers/promises'
import { StreamGuard } from '../../dist/index.js'
import { mulberry32 } from './random-model.mjs'
import { summary } from './stream-table.mjs'
import { oneTokenWords } from './texts.mjs'

const [WARM_UP_MS, MEASURE_MS, LEAST_PUSHES] = [200, 1000, 3]
const SIZES = [1, 16]
/** Tokens of a fill pushed at once: no stream waits for the whole of another's. */
const FILL = 512
const EVERY_MS = 50
/** Tokens by which a stream may grow before it goes back to where it stood: going back each time is no application's work. */
const GROWS = 64

export async function run({ model, gpu, rows, contextSize, paced }, report) {
  const most = Math.max(...rows.flatMap(({ streams }) => streams), paced?.streams ?? 1)
  const guard = await StreamGuard.load({ model, gpu, contextSize, maxSequences: most })
  report({ device: guard.device })
  const words = await oneTokenWords(guard)
  const random = mulberry32(13)
  const ids = (count) => Array.from({ length: count }, () => words[Math.floor(words.length * random())])

  // Opened one by one: what the first one holds more once its reply has begun is what comes before every reply.
  const moderations = [await guard.open('How do I bake bread?')]
  await moderations[0].pushTokens(ids(1))
  const before = guard.stats().cellsUsed - 1
  moderations.push(
    ...(await Promise.all(Array.from({ length: most - 1 }, () => guard.open('How do I bake bread?')))),
  )
  const stand = (moderation, positions) => moderation.rewind(positions - before)
  const pushAt = (positions, k) => async (moderation) => {
    if (moderation.reply.tokenCount + k > positions - before + GROWS) stand(moderation, positions)
    await moderation.pushTokens(ids(k))
  }

  for (const { positions, streams } of rows) {
    const own = moderations.slice(0, Math.max(...streams))
    const filling = performance.now()
    const filled = await Promise.all(own.map((moderation) => fill(moderation, positions - before, ids)))
    const tokens = filled.reduce((sum, count) => sum + count, 0)
    report({
      filled: positions,
      streams: own.length,
      tokensPerSecond: (1000 * tokens) / (performance.now() - filling),
    })
    for (const k of SIZES) {
      for (const count of streams) {
        const open = own.slice(0, count)
        const push = pushAt(positions, k)
        await untilOver(open, push, WARM_UP_MS)
        const { times, ms } = await untilOver(open, push, MEASURE_MS)
        const rate = (1000 * k * times.length) / ms
        report({
          positions,
          k,
          streams: count,
          n: times.length,
          rate,
          each: rate / count,
          push: summary(times),
        })
      }
    }
    for (const moderation of own) stand(moderation, positions)
  }
  if (paced) {
    const { positions } = rows.at(-1)
    const open = moderations.slice(0, paced.streams)
    const push = pushAt(positions, 1)
    await atPace(open, push, 500)
    report({
      paced: true,
      positions,
      streams: paced.streams,
      ...(await atPace(open, push, 1000 * paced.seconds)),
    })
  }
  await guard.close()
}

async function fill(moderation, target, ids) {
  const from = Math.min(moderation.reply.tokenCount, target)
  moderation.rewind(from)
  for (let at = from; at < target; at += FILL) await moderation.pushTokens(ids(Math.min(FILL, target - at)))
  return target - from
}

/** Every stream pushes again as soon as it has its verdicts, until the time is over. */
async function untilOver(open, push, ms) {
  const started = performance.now()
  const times = await Promise.all(
    open.map(async (moderation) => {
      const own = []
      while (own.length < LEAST_PUSHES || performance.now() - started < ms) {
        const pushed = performance.now()
        await push(moderation)
        own.push(performance.now() - pushed)
      }
      return own
    }),
  )
  return { times: times.flat(), ms: performance.now() - started }
}

/**
 * A push of every stream each 50 ms, the streams spread over the 50 ms. Latencies count from when a push was due, so
 * that a stream that falls behind shows it.
 */
async function atPace(open, push, ms) {
  const started = performance.now() + 20
  const count = Math.ceil(ms / EVERY_MS)
  const [fromDue, fromCall] = [[], []]
  let behind = 0
  await Promise.all(
    open.map(async (moderation, i) => {
      const first = started + (i * EVERY_MS) / open.length
      for (let j = 0; j < count; j++) {
        const due = first + j * EVERY_MS
        const early = due - performance.now()
        if (early > 0) await setTimeout(early)
        const pushed = performance.now()
        await push(moderation)
        const now = performance.now()
        fromDue.push(now - due)
        fromCall.push(now - pushed)
        if (now > due + EVERY_MS) behind++
      }
    }),
  )
  const seconds = (performance.now() - started) / 1000
  const each = fromDue.length / open.length / seconds
  return { n: fromDue.length, each, behind, push: summary(fromDue), call: summary(fromCall) }
}
