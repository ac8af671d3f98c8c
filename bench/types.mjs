// npm run bench -- types: what a type of weights costs and gives on the 0.6B shape.
import { statSync } from 'node:fs'
import { loadBinding } from '../dist/binding/addon.js'
import { buildLoopFor, Loop } from './loop/loop.mjs'
import { median, quiet, table } from './measure.mjs'
import { padModel, shapeTitle } from './pad-model.mjs'

const TYPES = ['f32', 'f16', 'bf16', 'q8_0', 'q6_K', 'q5_K', 'q4_K', 'q4_0', 'iq4_nl']

/** Tokens of a prefill, one-token steps after it. */
const [PREFILL, STEPS] = [512, 12]

export async function benchTypes({ short, types = short ? ['q8_0'] : TYPES, threads = 2, rounds = 3 }) {
  const binary = buildLoopFor({ short })
  if (!binary) return
  const files = []
  for (const type of types) files.push(await padModel('gen', { type, short }))
  const results = types.map(() => ({ prefill: [], step: [], peak: 0 }))
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
  }
  console.log(
    `${shapeTitle(short)}, every matrix in one type, ${threads} threads, median of ${rounds} rounds in turn\n`,
  )
  table(
    ['type', 'rearranged', 'file MB', 'peak MiB', `tokens/s at ${PREFILL}`, 'one-token step ms'],
    types.map((type, i) => [
      type,
      loadBinding().repacks(type) ? 'yes' : 'no',
      (statSync(files[i]).size / 1e6).toFixed(0),
      (results[i].peak / 2 ** 20).toFixed(0),
      ((1000 * PREFILL) / median(results[i].prefill)).toFixed(0),
      median(results[i].step).toFixed(1),
    ]),
  )
}
