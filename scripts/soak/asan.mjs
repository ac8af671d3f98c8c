// The tests that face native code under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer, once, however long it
// takes, as a long check of `npm run soak`. On two cores it takes most of an hour, its build included.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { finish, soakArguments } from './support/soak.mjs'

const { seed } = soakArguments({ seed: 0 })
const script = fileURLToPath(new URL('../sanitizers/asan.mjs', import.meta.url))
const { status, stdout } = spawnSync(process.execPath, [script], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 2],
})
finish({
  promise: 'No error of memory, leak or undefined behaviour where tests face native code (ASan, LSan, UBSan)',
  figure: stdout.trim(),
  faults: status === 0 ? [] : ['see stderr'],
  seed,
})
