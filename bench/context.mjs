// npm run bench -- context: what settings of the context cost on the 0.6B shape, in the plain loop, where each can be
// had. --parts steps,streams, --positions and --types (of the KV cache) pick some of it.
import { buildLoopFor, Loop } from './loop/loop.mjs'
import { median, quiet, table } from './measure.mjs'
import { padModel, shapeTitle } from './pad-model.mjs'

/** ggml's numbers of the types a KV cache may have, and KiB a position takes in them at this shape. */
const KV = { f32: [0, 224], f16: [1, 112], q8_0: [8, 59.5] }

const PARTS = { steps, streams }

const STEPS = [
  { kv: 'f16', flash: 0 },
  { kv: 'f16', flash: 1 },
  { kv: 'f32', flash: 0 },
  { kv: 'q8_0', flash: 1 },
]

const STREAMS = [
  { kv: 'f16', flash: 0, unified: 0 },
  { kv: 'f16', flash: 0, unified: 1 },
  { kv: 'f16', flash: 1, unified: 0 },
  { kv: 'f16', flash: 1, unified: 1 },
  { kv: 'q8_0', flash: 1, unified: 0 },
]

/** Decodes of a turn, and streams of the second part. */
const [COUNT, SEQUENCES] = [8, 32]

export async function benchContext({
  short,
  threads = 2,
  rounds = 3,
  parts = Object.keys(PARTS),
  types = short ? ['f16'] : undefined,
  positions = short ? [64] : undefined,
}) {
  for (const part of parts) {
    if (!PARTS[part]) throw new RangeError(`Expected parts of ${Object.keys(PARTS).join(', ')}, got ${part}`)
  }
  const binary = buildLoopFor({ short })
  if (!binary) return
  const model = await padModel('stream', { short })
  console.log(`${shapeTitle(short)}, Q8_0, CPU, ${threads} threads, median of ${rounds} rounds in turn`)
  const start = ({ kv, ...settings }) => Loop.start(binary, model, { threads, kv: KV[kv][0], ...settings })
  const wanted = ({ kv }) => types?.includes(kv) ?? true
  for (const part of parts) await PARTS[part]({ start, rounds, wanted, only: positions?.map(Number) })
}

/** One-token steps of one stream. */
async function steps({ start, rounds, wanted, only = [64, 512, 2048, 4096] }) {
  const settings = STEPS.filter(wanted)
  const results = settings.map(() => ({ prefill: 0, times: only.map(() => []) }))
  const loops = await Promise.all(
    settings.map((setting) =>
      start({ ...setting, cells: Math.max(...only) + 256, sequences: 1, unified: 0 }),
    ),
  )
  for (const [at, positions] of only.entries()) {
    for (const [i, loop] of loops.entries()) {
      await quiet()
      results[i].prefill += await loop.fill(1, positions)
      await loop.ticks([0], 1, 2, positions)
    }
    for (let round = 0; round < rounds; round++) {
      for (const [i, loop] of loops.entries()) {
        await quiet()
        results[i].times[at].push(median(await loop.ticks([0], 1, COUNT, positions)))
      }
    }
  }
  for (const loop of loops) await loop.stop()
  console.log('\nA one-token step, milliseconds by positions before it\n')
  table(
    ['KV cache', 'flash attention', 'KiB a position', ...only, `prefill of ${only.at(-1)}, tokens/s`],
    settings.map(({ kv, flash }, i) => [
      kv,
      flash ? 'on' : 'off',
      KV[kv][1],
      ...results[i].times.map((times) => median(times).toFixed(1)),
      ((1000 * only.at(-1)) / results[i].prefill).toFixed(0),
    ]),
  )
}

/** Ticks of one token of each of many streams. */
async function streams({ start, rounds, wanted, only = [64, 512] }) {
  const settings = STREAMS.filter(wanted)
  const results = settings.map(() => only.map(() => []))
  const sequences = Array.from({ length: SEQUENCES }, (_, i) => i)
  // Every round loads anew: all of these caches in memory at once would not fit everywhere.
  for (let round = 0; round < rounds; round++) {
    for (const [i, setting] of settings.entries()) {
      const loop = await start({
        ...setting,
        cells: (Math.max(...only) + 256) * SEQUENCES,
        sequences: SEQUENCES,
      })
      for (const [at, positions] of only.entries()) {
        await loop.fill(SEQUENCES, positions)
        await loop.ticks(sequences, 1, 1, positions)
        await quiet()
        results[i][at].push(median(await loop.ticks(sequences, 1, COUNT / 2, positions)))
      }
      await loop.stop()
    }
  }
  console.log(`\n${SEQUENCES} streams, one token of each in a decode, milliseconds by positions of each\n`)
  table(
    ['KV cache', 'flash attention', 'layout', ...only],
    settings.map(({ kv, flash, unified }, i) => [
      kv,
      flash ? 'on' : 'off',
      unified ? 'unified' : 'split',
      ...results[i].map((times) => median(times).toFixed(0)),
    ]),
  )
}
