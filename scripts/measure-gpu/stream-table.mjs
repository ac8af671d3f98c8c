// Child: one Stream, its tokens given by id. Two ways to the same decode: `pushTokens` as an application calls it, and
// the engine's own call, which a push ends in. Every push starts at the same position.
import { percentile } from '../../bench/measure.mjs'
import { loadEngine } from '../../dist/engine/load.js'
import { StreamGuard } from '../../dist/index.js'
import { mulberry32 } from './random-model.mjs'
import { oneTokenWords } from './texts.mjs'

const WARM_UP = 12
const SIZES = [1, 16]

export async function run({ model, gpu, positions, counts, trained = 8192 }, report) {
  const contextSize = Math.min(trained, Math.max(...positions) + 256)
  const load = { model, gpu, contextSize, maxSequences: 1 }
  const started = performance.now()
  const loaded = await loadEngine(load, 'stream')
  report({ device: loaded.device, loadMs: performance.now() - started })
  const guard = await StreamGuard.load(load)
  const words = await oneTokenWords(guard)
  const random = mulberry32(11)
  const ids = (count) => Int32Array.from({ length: count }, () => words[Math.floor(words.length * random())])

  const sequence = await loaded.engine.acquire({ cells: contextSize })
  const moderation = await guard.open('How do I bake bread?')
  const used = guard.stats().cellsUsed
  await moderation.pushTokens(ids(1))
  // The reply's scaffold comes with its first token.
  const before = guard.stats().cellsUsed - 1
  if (before < used) throw new Error('the stream holds fewer positions than before its first token')

  for (const at of positions) {
    const filling = performance.now()
    await sequence.decodeHeads(ids(at), { read: Int32Array.of(at - 1), keep: 0 })
    const prefillMs = performance.now() - filling
    await moderation.pushTokens(ids(at - before - moderation.reply.tokenCount))
    const held = guard.stats().cellsUsed
    if (held !== at) throw new Error(`${at} positions were asked for, ${held} are held`)
    for (const k of SIZES) {
      const read = Int32Array.from({ length: k }, (_, i) => i)
      const decode = () => sequence.decodeHeads(ids(k), { read, keep: at, priority: 0 })
      const back = () => moderation.rewind(at - before)
      const push = async () => {
        const verdicts = await moderation.pushTokens(ids(k))
        if (verdicts.length !== k) throw new Error(`${k} tokens gave ${verdicts.length} verdicts`)
      }
      const [pushed, decoded] = [await times(push, counts[k], back), await times(decode, counts[k])]
      report({ positions: at, k, n: counts[k], push: summary(pushed), decode: summary(decoded), prefillMs })
    }
    moderation.rewind(at - before)
  }
  await guard.close()
  await loaded.close()
}

/** Milliseconds of each `work`; `prepare`, which an application would not do, is not counted. */
async function times(work, count, prepare = () => {}) {
  const own = []
  for (let i = -WARM_UP; i < count; i++) {
    prepare()
    const started = performance.now()
    await work()
    if (i >= 0) own.push(performance.now() - started)
  }
  return own
}

/** Milliseconds. */
export const summary = (numbers) => ({
  p50: percentile(numbers, 0.5),
  p99: percentile(numbers, 0.99),
  most: Math.max(...numbers),
})
