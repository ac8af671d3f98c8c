// npm run bench -- types: what a type of weights costs and gives on the 0.6B shape.
import { statSync } from 'node:fs'
import { loadBinding } from '../dist/binding/addon.js'
import { buildLoopFor, Loop } from './loop/loop.mjs'
import { describeMachine, LAYERS } from './machine.mjs'
import { median, quiet, table } from './measure.mjs'
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
  const unit = await describeMachine({ threads, short })
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
  const share = (part, whole) => `${((100 * part) / whole).toFixed(0)} %`
  const row = ({ prefill, step }, bytes, type) => [
    ((1000 * PREFILL) / median(prefill)).toFixed(0),
    // The unit measured is that of the kernel for Q8_0.
    ...(unit ? [type === 'q8_0' ? share((1000 * PREFILL * LAYERS) / median(prefill), unit.peak) : ''] : []),
    median(step).toFixed(1),
    ...(unit ? [share((1000 * bytes) / median(step), unit.bandwidth)] : []),
  ]
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
      ...row(python, bytes, 'bf16'),
    ])
  }
  const [rate, step] = [`tokens/s at ${PREFILL}`, 'one-token step ms']
  table(
    [
      ...['type', 'rearranged', 'file MB', 'peak MiB'],
      ...(unit ? [rate, 'of the unit', step, 'of the memory'] : [rate, step]),
    ],
    rows,
  )
}
