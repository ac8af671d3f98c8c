// npm run bench -- types: what a type of weights costs and gives on the 0.6B shape.
import { statSync } from 'node:fs'
import { loadBinding } from '../dist/binding/addon.js'
import { buildLoopFor, Loop } from './loop/loop.mjs'
import { describeMachine } from './machine.mjs'
import { median, quiet, share, table } from './measure.mjs'
import { startOptional } from './optional.mjs'
import { padModel, shapeTitle } from './pad-model.mjs'
import { Torch } from './torch.mjs'

const TYPES = ['f32', 'f16', 'bf16', 'q8_0', 'q6_K', 'q5_K', 'q4_K', 'q4_0', 'iq4_nl']

/** Tokens of a prefill, one-token steps after it. */
const [PREFILL, STEPS] = [512, 12]

export async function benchTypes({ short, types = short ? ['q8_0'] : TYPES, threads = 2, rounds = 3 }) {
  const binary = buildLoopFor({ short })
  if (!binary) return
  const files = []
  for (const type of types) files.push(await padModel('gen', { type, short }))
  const results = types.map(() => ({ prefill: [], step: [], peak: 0 }))
  const bounds = await describeMachine({ threads, short })
  const torch = await startOptional('PyTorch', () => Torch.start({ threads, short }))
  const python = { prefill: [], step: [] }
  // Every round loads anew: all types in memory at once would not fit everywhere.
  for (let round = 0; round < rounds; round++) {
    for (const [i, file] of files.entries()) {
      // As the addon loads them: the file's pages where nothing is rearranged.
      const mmap = loadBinding().repacks(types[i]) ? 0 : 1
      const loop = await Loop.start(binary, file, { threads, cells: 1024, sequences: 1, mmap })
      await quiet()
      await loop.rates(64, 2)
      const { prefill, step } = await loop.rates(PREFILL, STEPS)
      results[i].prefill.push(prefill)
      results[i].step.push(step)
      results[i].peak = await loop.peak()
      await loop.stop()
    }
    await quiet()
    const rates = await torch?.rates(PREFILL, STEPS)
    if (rates) for (const key of ['prefill', 'step']) python[key].push(rates[key])
  }
  await torch?.stop()
  console.log(
    `${shapeTitle(short)}, every matrix in one type, ${threads} threads, median of ${rounds} rounds in turn\n`,
  )
  // A figure, what it can be at most (tokens a second) or at least (milliseconds), and how near it is.
  const row = ({ prefill, step }, bytes, type) => {
    const rate = (1000 * PREFILL) / median(prefill)
    if (!bounds) return [rate.toFixed(0), '', '', median(step).toFixed(1), '', '']
    const most = (1000 * PREFILL) / bounds.least([{ tokens: PREFILL }], { bytes, type })
    const least = bounds.least([{ tokens: 1 }], { bytes, type })
    return [
      ...[rate.toFixed(0), most.toFixed(0), share(rate, most)],
      ...[median(step).toFixed(1), least.toFixed(1), share(least, median(step))],
    ]
  }
  const rows = types.map((type, i) => [
    type,
    loadBinding().repacks(type) ? 'yes' : 'no',
    (statSync(files[i]).size / 1e6).toFixed(0),
    (results[i].peak / 2 ** 20).toFixed(0),
    ...row(results[i], statSync(files[i]).size, type),
  ])
  if (python.step.length > 0) {
    // Its weights: as many values as in the bf16 file, two bytes each.
    const bytes = 2 * 596_049_920
    rows.push([
      `PyTorch ${torch.version}, bf16`,
      'as oneDNN likes',
      (bytes / 1e6).toFixed(0),
      (torch.peak / 2 ** 20).toFixed(0),
      ...row(python, bytes, 'torch'),
    ])
  }
  table(
    [
      ...['type', 'rearranged', 'file MB', 'peak MiB'],
      ...[`tokens/s at ${PREFILL}`, 'at most', 'of it', 'one-token step ms', 'at least', 'of it'],
    ],
    rows,
  )
  if (bounds) console.log(`\n${BOUND}`)
}

const BOUND =
  "At most and at least: the matrices' arithmetic at the measured peak of the unit (of bytes for quantised types; of f32 for f32, f16 and bf16, where there are no tiles of AMX; of bf16 for PyTorch), or the weights' bytes at the memory's measured rate."
