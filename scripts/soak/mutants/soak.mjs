import { parseArgs } from 'node:util'

/** What every long check takes: how many or how long, and the seed, which is printed and gives the same run again. */
export function flags(defaults) {
  const text = { type: 'string' }
  const { values } = parseArgs({ options: { count: text, seconds: text, seed: text, jobs: text } })
  const number = (value, other) => (value === undefined ? other : Number(value))
  return {
    count: number(
      values.count,
      values.seconds === undefined || defaults.seconds ? defaults.count : 1_000_000,
    ),
    seconds: number(values.seconds, defaults.seconds ?? Number.POSITIVE_INFINITY),
    seed: number(values.seed, Math.floor(Math.random() * 2 ** 31)),
    jobs: number(values.jobs, 1),
  }
}

export function progress(done, of, outcomes) {
  if (done % 100 !== 0 && done !== of) return
  const counts = [...outcomes].sort((a, b) => b[1] - a[1]).slice(0, 6)
  console.error(
    `${done} of ${of}: ${counts.map(([what, count]) => `${what.slice(0, 60)} ${count}`).join(', ')}`,
  )
}

/** The one line on stdout. */
export function report(row) {
  console.log(JSON.stringify(row))
  process.exitCode = row.ok ? 0 : 1
}
