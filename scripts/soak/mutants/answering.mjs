// What the children that try mutants have in common: JSON lines in, an answer to each.
import { readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { GuardError } from '../../../dist/errors.js'

/** Answers each line of stdin, one after the other; `attempt` returns an outcome and what its longest call took, or throws. */
export async function answer(attempt) {
  for await (const line of createInterface({ input: process.stdin })) {
    const started = performance.now()
    const memory = resident()
    let outcome
    let bytes = 0
    let ms = 0
    try {
      ;({ outcome, bytes, ms } = await attempt(JSON.parse(line)))
    } catch (error) {
      outcome = outcomeOf(error)
    }
    ms ||= performance.now() - started
    const peak = resident('VmHWM') - memory
    writeSync(1, `${JSON.stringify({ outcome, ms, bytes, peak })}\n`)
    globalThis.gc?.()
  }
}

/** The outcome of work that failed: it must have left nothing of the file that it was to write. */
export function failedWriting(file, error) {
  const begins = basename(file)
  const left = readdirSync(dirname(file)).find((name) => name === begins || name.startsWith(`${begins}.`))
  return left ? `untyped: ${outcomeOf(error)}, and it leaves ${left}` : outcomeOf(error)
}

/** The code of a typed error; all of another. */
export function outcomeOf(error) {
  return GuardError.isGuardError(error) ? error.code : `untyped: ${error?.stack ?? String(error)}`
}

/** Bytes that this process holds, and before that forgets what it held at most; or, as `VmHWM`, what that was. Linux. */
function resident(line = 'VmRSS') {
  if (process.platform !== 'linux') return 0
  if (line === 'VmRSS') writeFileSync('/proc/self/clear_refs', '5')
  const [, kilobytes] = new RegExp(`${line}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return 1024 * Number(kilobytes ?? 0)
}
