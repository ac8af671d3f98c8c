// What every soak has: its arguments, numbers that a seed repeats, progress on stderr, and one line of JSON on stdout.
import { readdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export { seeded as randomOf } from '../mutants/random.mjs'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

/** Of the arguments: how long, or how often, the seed, how many at once, and on which Node.js. One that is not given has the value of `defaults`. */
export function soakArguments(defaults) {
  const { values } = parseArgs({
    options: Object.fromEntries(
      ['seconds', 'count', 'seed', 'jobs', 'node'].map((name) => [name, { type: 'string' }]),
    ),
  })
  const number = (name) => {
    const value = values[name]
    if (value === undefined) return defaults[name]
    const given = Number(value)
    if (!Number.isSafeInteger(given) || given < 0)
      throw new RangeError(`--${name} ${value}: a whole number is expected`)
    return given
  }
  return {
    seconds: number('seconds'),
    count: number('count'),
    seed: number('seed') ?? Date.now() % 2 ** 31,
    jobs: number('jobs'),
    node: values.node,
  }
}

export function say(text) {
  process.stderr.write(`${text}\n`)
}

/** Prints the result and sets the exit code. */
export function finish({ promise, figure, faults, seed }) {
  for (const fault of faults.slice(0, 20)) say(`fault: ${fault}`)
  const ok = faults.length === 0
  const told = ok ? figure : `${figure}; ${faults.length} faults, the first: ${faults[0]}`
  process.stdout.write(`${JSON.stringify({ promise, figure: told, ok, seed })}\n`)
  process.exitCode = ok ? 0 : 1
}

export function percentile(values, part) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0
}

/** Resident bytes of this process, native memory included, after what JS no longer holds has been collected. */
export function residentBytes() {
  collect()
  collect()
  return process.memoryUsage().rss
}

/** Open descriptors and threads of this process; null where there is no /proc. */
export function handles() {
  try {
    const threads = Number(/^Threads:\s+(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
    return { descriptors: readdirSync('/proc/self/fd').length, threads }
  } catch {
    return null
  }
}

/** What each step adds, by least squares, of values that were taken after the steps 0, 1, 2 … */
export function slope(values) {
  const n = values.length
  if (n < 2) return 0
  const middle = (n - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  let above = 0
  let below = 0
  for (const [i, value] of values.entries()) {
    above += (i - middle) * (value - mean)
    below += (i - middle) ** 2
  }
  return above / below
}
