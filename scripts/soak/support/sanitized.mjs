import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { finish, soakArguments } from './soak.mjs'

const SCRIPT = fileURLToPath(new URL('../../sanitizers/tsan.mjs', import.meta.url))

/** Runs `npm run test:tsan` with these words, for the time and the seed of the arguments; `figure` makes text of its JSON. */
export function tsanCheck(words, { promise, figure }) {
  const { seconds, seed } = soakArguments({ seconds: 60, seed: 1 })
  const { status, stdout } = spawnSync(
    process.execPath,
    [SCRIPT, ...words, '--seconds', String(seconds), '--seed', String(seed)],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 2] },
  )
  const ok = status === 0
  finish({
    promise,
    figure: ok ? figure(JSON.parse(stdout)) : 'see stderr',
    faults: ok ? [] : ['see stderr'],
    seed,
  })
}
