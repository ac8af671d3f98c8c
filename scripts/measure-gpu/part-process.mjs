// Runs a part in a child process with a time limit: whatever becomes of it, the rows it has sent are kept.
import { fork } from 'node:child_process'
import { once } from 'node:events'

/** A driver may hang while a process ends; what was measured is not lost by that. */
const END_MS = 15_000

/**
 * @param module URL of a module that exports `run(options, report)`
 * @param onRow called with everything that the part reports
 * @returns `{ status: 'done' | 'failed' | 'timeout', reason, code }`; `reason` also where a part was done and then did not end well
 */
export async function runPart(module, options, { limitMs, onRow = () => {} }) {
  const child = fork(new URL('./child.mjs', import.meta.url), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  })
  running.add(child)
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + chunk).slice(-4000)
  })
  let failed
  let done = false
  let timedOut = false
  let ending
  const kill = () => child.kill('SIGKILL')
  const limit = setTimeout(() => {
    timedOut = true
    kill()
  }, limitMs)
  child.on('message', (message) => {
    if (message.row) onRow(message.row)
    if (message.failed) failed = message.failed
    if (message.done) {
      done = true
      clearTimeout(limit)
      ending = setTimeout(kill, END_MS)
    }
  })
  child.send({ module: module.href, options })
  const [code, signal] = await once(child, 'close')
  clearTimeout(limit)
  clearTimeout(ending)
  running.delete(child)
  const end = signal ? `signal ${signal}` : `exit code ${code}`
  const last = stderr.trim().split('\n').slice(-6).join('\n')
  if (done) return { status: 'done', reason: code === 0 ? null : `done, then ended with ${end}: ${last}` }
  if (timedOut) return { status: 'timeout', reason: `stopped after ${(limitMs / 1000).toFixed(0)} s` }
  if (failed) return { status: 'failed', reason: failed.stack ?? failed.message, code: failed.code }
  return { status: 'failed', reason: `the process ended with ${end}${last ? `: ${last}` : ''}` }
}

const running = new Set()

/** For the end of this process. */
export function killParts() {
  for (const child of running) child.kill('SIGKILL')
}
