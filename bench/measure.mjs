// Medians, and rounds in which every contender takes its turn, so that what else the machine does meets all of them.
import os from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

export function percentile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

export const median = (numbers) => percentile(numbers, 0.5)

/** Milliseconds that `work` takes. */
export async function time(work) {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** Runs the variants in turn, round by round, and prints each one's median and its ratio to the first. */
export async function compare(title, unit, rounds, variants) {
  for (const { run } of variants) await run()
  const times = variants.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, { run, per }] of variants.entries()) times[i].push((await time(run)) / per)
  }
  console.log(`\n${title} (median of ${rounds} rounds)`)
  for (const [i, { name }] of variants.entries()) {
    const ratio = median(times[i].map((value, round) => value / times[0][round]))
    console.log(
      `  ${name.padEnd(40)} ${median(times[i]).toFixed(2).padStart(8)} ${unit}   x${ratio.toFixed(2)}`,
    )
  }
}

/** A part of a whole in percent, as tables show it. */
export const share = (part, whole) => `${((100 * part) / whole).toFixed(0)} %`

/** Prints rows as a Markdown table. */
export function table(head, rows) {
  // What no contender was there for is empty.
  const shown = (cell) => String(cell).replace(/^NaNx?.*$/, '')
  const line = (cells) => `| ${cells.map(shown).join(' | ')} |`
  console.log([line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n'))
}

/** Another built checkout of this package, to be compared with this one in the same run. */
export const packageIn = (folder) => import(pathToFileURL(path.resolve(folder, 'dist/index.js')).href)

let waits = true

/** For runs that are no measurement: `quiet` returns at once. */
export function neverWait() {
  waits = false
}

/** Whether this run is a measurement. */
export const waitsForQuiet = () => waits

/** Waits until the processors are idle, up to `most` milliseconds: what others run here is not what is measured. */
export async function quiet(most = 2000) {
  const busy = () => {
    const times = os.cpus().map(({ times }) => times)
    return {
      idle: times.reduce((sum, { idle }) => sum + idle, 0),
      all: times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0),
    }
  }
  for (const until = performance.now() + most; waits && performance.now() < until; ) {
    const before = busy()
    await setTimeout(150)
    const after = busy()
    if (after.idle - before.idle > 0.9 * (after.all - before.all)) return
  }
}
