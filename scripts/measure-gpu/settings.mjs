// Child: what the engine's settings change, so that defaults for a GPU are chosen by measurement: the size of a batch,
// flash attention, and for Gen whether what was computed of done checks is kept.
import { numbered, PROMPTS } from '../../bench/gen/texts.mjs'
import { median } from '../../bench/measure.mjs'
import { loadEngine } from '../../dist/engine/load.js'
import { GenGuard } from '../../dist/index.js'
import { mulberry32 } from './random-model.mjs'
import { genTemplate } from './texts.mjs'

const BATCHES = [512, 1024, 2048]
const FLASH = [true, false]
const [TICKS, ROUNDS] = [20, 3]

export async function run({ variant, ...options }, report) {
  for (const batchSize of BATCHES) {
    for (const flashAttention of FLASH) {
      const engine = { batchSize, prefillTokens: batchSize }
      const settings = { batchSize, flashAttention }
      if (variant === 'stream') {
        report({ variant, ...settings, ...(await streams(options, flashAttention, engine)) })
      } else {
        for (const reuse of [true, false]) {
          report({ variant, ...settings, reuse, ...(await checks(options, flashAttention, reuse, engine)) })
        }
      }
    }
  }
}

/** Many streams of one engine: prefilled together, then ticks of one and of sixteen tokens of each. */
async function streams({ model, gpu, sequences, positions }, flashAttention, engine) {
  const load = { model, gpu, flashAttention, contextSize: 1024, maxSequences: sequences }
  // A tick gives as many outputs as it has tokens.
  const overrides = { engine: { ...engine, maxOutputs: Math.max(engine.batchSize, sequences) } }
  const loaded = await loadEngine(load, 'stream', undefined, overrides)
  const random = mulberry32(17)
  const ids = (count) => Int32Array.from({ length: count }, () => Math.floor(300 + 9000 * random()))
  const open = await Promise.all(
    Array.from({ length: sequences }, () => loaded.engine.acquire({ cells: 1024 })),
  )
  const all = (count, keep, priority) => {
    const read = priority === 0 ? Int32Array.from({ length: count }, (_, i) => i) : Int32Array.of(count - 1)
    return time(() =>
      Promise.all(open.map((sequence) => sequence.decodeHeads(ids(count), { read, keep, priority }))),
    )
  }
  await all(16, 0, 1)
  const fillMs = await all(positions, 0, 1)
  const ticks = { 1: [], 16: [] }
  for (const k of [1, 16]) {
    for (let i = -3; i < TICKS; i++) {
      const ms = await all(k, positions, 0)
      if (i >= 0) ticks[k].push(ms)
    }
  }
  for (const sequence of open) sequence.release()
  await loaded.close()
  const fillRate = (1000 * sequences * positions) / fillMs
  return { sequences, positions, fillRate, tick1: median(ticks[1]), tick16: median(ticks[16]) }
}

let numberOf = 0

/** Many checks at once. */
async function checks({ model, gpu, many }, flashAttention, reuse, engine) {
  const load = { model, gpu, flashAttention, chatTemplate: genTemplate(), maxSequences: many + 2 }
  const guard = await GenGuard.load(load, { drafts: true, reuse, engine: { ...engine, keeps: reuse } })
  const rates = []
  for (let round = -1; round < ROUNDS; round++) {
    const texts = Array.from({ length: many }, (_, i) => numbered(PROMPTS[i % PROMPTS.length], ++numberOf))
    const ms = await time(async () => {
      for await (const _ of guard.classifyAll(texts, { concurrency: many }));
    })
    if (round >= 0) rates.push((1000 * many) / ms)
  }
  const single = []
  for (let i = 0; i < TICKS; i++) {
    const text = numbered(PROMPTS[i % PROMPTS.length], ++numberOf)
    single.push(await time(() => guard.classify(text)))
  }
  await guard.close()
  return { many, rate: median(rates), one: median(single) }
}

async function time(work) {
  const started = performance.now()
  await work()
  return performance.now() - started
}
