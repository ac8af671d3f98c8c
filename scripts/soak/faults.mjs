// Decodes that fail, memory that runs out, and model files that are cut off while they are in use, by injection into an addon
// of its own: npm run build:native -- --faults; node scripts/soak/faults.mjs [--count N] [--seed N]. Each `count` times.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './support/lives.mjs'
import { finish, say, soakArguments } from './support/soak.mjs'

const { count, seed } = soakArguments({ count: 5 })
const PREBUILD = fileURLToPath(new URL('../../build/faults', import.meta.url))
const FAULT = fileURLToPath(new URL('./support/fault.mjs', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'qwen3guard-faults-'))
const env = { ...process.env, QWEN3GUARD_PREBUILD: PREBUILD }
const start = (...words) => run(process.execPath, ['--no-warnings', FAULT, ...words], { env })

const faults = []
let lived = 0
let names = []
if (existsSync(path.join(PREBUILD, 'build', 'Release', 'qwen3guard.node'))) {
  names = JSON.parse((await start()).stdout)
  for (let i = 0; i < count; i++) {
    for (const name of names) {
      const { code, signal, stdout, stderr, hung } = await start(name, folder)
      lived += 1
      if (code !== 0 || hung)
        faults.push(`${name}: code ${code}, signal ${signal}, ${stdout} ${stderr.slice(0, 500)}`)
    }
    say(`${lived} faults injected, ${faults.length} ended wrongly`)
  }
} else {
  faults.push('there is no addon to inject into: npm run build:native -- --faults')
}
rmSync(folder, { recursive: true, force: true })

finish({
  promise:
    'whatever fails under a guard, who waits gets a typed error, the guard goes on or says that it has failed, and closes',
  figure: `${lived} processes with one of ${names.length} faults each`,
  faults,
  seed,
})
