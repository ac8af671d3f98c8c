// The engine under ThreadSanitizer, as a long check of `npm run soak`.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } },
})
const script = fileURLToPath(new URL('../sanitizers/tsan.mjs', import.meta.url))
const words = [script, '--seconds', values.seconds, '--seed', values.seed]
const { status, stdout } = spawnSync(process.execPath, words, {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 2],
})
const ok = status === 0
const done = ok ? JSON.parse(stdout) : {}
const figure = ok
  ? `${done.rounds} engines; ${done.done} decoded, ${done.cancelled} cancelled, ${done.failed} failed by injection, ${done.closed} closed`
  : 'see stderr'
const promise = 'No race in queue, cancel, close, log and load (ThreadSanitizer); one right answer a request'
console.log(JSON.stringify({ promise, figure, ok, seed: Number(values.seed) }))
process.exitCode = ok ? 0 : 1
