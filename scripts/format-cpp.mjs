// clang-format over native/ and bench/: `--check` only reports.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)
const files = ['native', path.join('bench', 'loop')].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true })
    .filter((name) => /\.(cc|h)$/.test(name))
    .map((name) => path.join(root, folder, name)),
)
const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i']
const { status } = spawnSync(process.execPath, [require.resolve('clang-format'), ...mode, ...files], {
  stdio: 'inherit',
})
process.exitCode = status ?? 1
