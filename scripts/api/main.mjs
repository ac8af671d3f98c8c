// npm run docs:api: the API reference in docs/api, from the docstrings.
//
// TypeDoc reads TypeScript with the compiler of TypeScript 5, which the package is not built with: it is installed here,
// with its own lock file, when it is first needed.
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { fingerprint } from './fingerprint.mjs'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const TYPEDOC = path.join(HERE, 'node_modules', 'typedoc', 'bin', 'typedoc')

if (!existsSync(TYPEDOC)) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  execFileSync(npm, ['ci', '--no-audit', '--no-fund'], {
    cwd: HERE,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
}
execFileSync(process.execPath, [TYPEDOC], { cwd: HERE, stdio: 'inherit' })
writeFileSync(path.join(HERE, '..', '..', 'docs', 'api', 'fingerprint.txt'), `${fingerprint()}\n`)
