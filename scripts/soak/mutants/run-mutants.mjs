// Runs mutants in child processes, many in each: what ends a child, or keeps it, is the finding.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** Milliseconds that one mutant may take. */
const LONGEST_MS = 5000
/**
 * Seconds after which its process is ended, on a machine that does other things besides. They are counted one by one: a
 * container that is paused wakes up with one clock far ahead, and no child has had its time.
 */
const PATIENCE = 40
/** Mutants in one process, so that what it gathers does not hide what one of them takes. */
const BATCH = 250

/**
 * @typedef {{ mutant: unknown, outcome: string, ms: number }} Result
 * @typedef {{ mutant: unknown, what: string }} Finding
 */

/**
 * @param {string} child a module that takes JSON lines, one for each mutant, and answers each with one
 * @param {readonly unknown[]} mutants
 * @param {(result: Result) => string | null} wrong what is wrong with an answer
 * @returns {Promise<Finding[]>}
 */
export async function runMutants(
  child,
  mutants,
  { env, jobs = 1, wrong, onResult = () => {}, until = () => false },
) {
  const findings = []
  const found = (mutant, what) => {
    findings.push({ mutant, what })
    console.error(`found: ${JSON.stringify(mutant)}\n  ${what}`)
  }
  let next = 0
  const worker = async () => {
    while (next < mutants.length && !until()) {
      const batch = mutants.slice(next, next + BATCH)
      next += batch.length
      for (let at = 0; at < batch.length; ) {
        const { done, ended } = await runSome(child, batch.slice(at), env, async (mutant, result) => {
          onResult(mutant, result)
          const what = wrong(result) ?? (result.ms > LONGEST_MS ? await slow(child, mutant, env) : null)
          if (what !== null) found(mutant, what)
        })
        at += done
        if (ended === null) continue
        const mutant = batch[at]
        // A process that many mutants went through may end by what an earlier one left behind: both are findings.
        const alone = await runSome(child, [mutant], env, () => {})
        found(mutant, `${ended}${alone.ended === null ? ', after those before it' : ''}`)
        onResult(mutant, { outcome: 'ended', ms: 0 })
        at += 1
      }
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
  return findings
}

/** What a mutant says that took too long: null if it does not where nothing else is done. */
async function slow(child, mutant, env) {
  const times = []
  for (let i = 0; i < 3; i++) {
    let ms = Number.POSITIVE_INFINITY
    const { ended } = await runSome(child, [mutant], env, (_mutant, result) => {
      ms = result.ms
    })
    if (ended !== null) return ended
    if (ms <= LONGEST_MS) return null
    times.push(Math.round(ms))
  }
  return `takes ${times.join(', ')} ms alone`
}

/** Answers in order until the process ends. `ended`: how, if it was before its time. */
async function runSome(child, mutants, env, onAnswer) {
  const started = spawn(process.execPath, ['--expose-gc', '--disable-warning=QWEN3GUARD_DEMO', child], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  let stderr = ''
  started.stderr.setEncoding('utf8').on('data', (text) => {
    stderr = (stderr + text).slice(-2000)
  })
  const closed = new Promise((resolve) => {
    started.once('close', (code, signal) => resolve({ code, signal }))
  })
  started.stdin.on('error', () => {})
  let done = 0
  let timedOut = false
  let timer
  const send = () => {
    clearInterval(timer)
    if (done === mutants.length) return started.stdin.end()
    let left = PATIENCE
    timer = setInterval(() => {
      if (--left > 0) return
      timedOut = true
      started.kill('SIGKILL')
    }, 1000)
    started.stdin.write(`${JSON.stringify(mutants[done])}\n`)
  }
  send()
  for await (const line of createInterface({ input: started.stdout })) {
    if (!line.startsWith('{"outcome"')) continue
    const mutant = mutants[done]
    done += 1
    clearInterval(timer)
    await onAnswer(mutant, JSON.parse(line))
    send()
  }
  const { code, signal } = await closed
  clearInterval(timer)
  if (done === mutants.length && code === 0) return { done, ended: null }
  const how = timedOut ? `no answer for ${PATIENCE} s` : (signal ?? `exit ${code}`)
  return { done: Math.min(done, mutants.length - 1), ended: `${how}: ${stderr.trim().slice(-600)}` }
}

/** The same failure with as few of its changes as bring it about. */
export async function minimised(child, finding, env, wrong) {
  const { mutant } = finding
  let { changes } = mutant
  for (let i = changes.length - 1; i >= 0 && changes.length > 1; i--) {
    const fewer = { ...mutant, changes: changes.toSpliced(i, 1) }
    let fails = false
    const { ended } = await runSome(child, [fewer], env, (_mutant, result) => {
      fails = wrong(result) !== null || result.ms > LONGEST_MS
    })
    if (fails || ended !== null) changes = fewer.changes
  }
  return { ...finding, mutant: { ...mutant, changes } }
}
