// transformers on the same card, where a Python with torch is at hand.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('./transformers-model.py', import.meta.url))

/** Exit code of the script where it finds no torch, no transformers or no card. */
const UNAVAILABLE = 3

/** The same answer as a part's, or `skipped`: what was printed until then is kept. */
export async function runTransformers(python, options, { limitMs, onRow }) {
  const child = spawn(python, [SCRIPT, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error' },
  })
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + chunk).slice(-4000)
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) onRow(JSON.parse(line))
  })
  let timedOut = false
  const limit = setTimeout(() => {
    timedOut = true
    child.kill('SIGKILL')
  }, limitMs)
  const [code, signal] = await new Promise((resolve) => {
    child.on('error', (error) => resolve([UNAVAILABLE, error.message]))
    child.on('close', (...how) => resolve(how))
  })
  clearTimeout(limit)
  const last = stderr.trim().split('\n').at(-1)
  if (code === UNAVAILABLE) return { status: 'skipped', reason: `${python}: ${signal ?? last}` }
  if (timedOut) return { status: 'timeout', reason: `stopped after ${(limitMs / 1000).toFixed(0)} s` }
  if (code === 0) return { status: 'done', reason: null }
  return {
    status: 'failed',
    reason: `${signal ?? `exit code ${code}`}: ${stderr.trim().split('\n').slice(-4).join('\n')}`,
  }
}
