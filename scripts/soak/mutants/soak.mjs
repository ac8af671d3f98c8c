import { soakArguments } from '../support/soak.mjs'
import { minimised } from './run-mutants.mjs'

/** How many or how long, the seed, and how many children at once. With a time alone it ends the check, not a number. */
export function flags(defaults) {
  const { count, seconds, seed, jobs } = soakArguments({ jobs: 1 })
  const most = seconds === undefined || defaults.seconds ? defaults.count : 1_000_000
  return {
    count: count ?? most,
    seconds: seconds ?? defaults.seconds ?? Number.POSITIVE_INFINITY,
    seed,
    jobs,
  }
}

export function progress(done, of, outcomes) {
  if (done % 100 !== 0 && done !== of) return
  const counts = [...outcomes].sort((a, b) => b[1] - a[1]).slice(0, 6)
  console.error(
    `${done} of ${of}: ${counts.map(([what, count]) => `${what.slice(0, 60)} ${count}`).join(', ')}`,
  )
}

/** What is wrong with an outcome, or null: one that is none of `codes`, or memory over twice the bytes and `base` more. */
export const wrongOutcome =
  (codes, base) =>
  ({ outcome, bytes, peak }) => {
    if (!codes.has(outcome)) return outcome
    return peak > 2 * bytes + base ? `takes ${peak} bytes, and has ${bytes}` : null
  }

/** Says each on stderr, with as few of its changes as do it. */
export async function tellFindings(child, findings, env, wrong) {
  for (const finding of findings) {
    const { mutant, what } = await minimised(child, finding, env, wrong)
    console.error(`\n${JSON.stringify(mutant)}\n  ${what}`)
  }
}

/** The one line on stdout. */
export function report(row) {
  console.log(JSON.stringify(row))
  process.exitCode = row.ok ? 0 : 1
}
