// Compiles lib/ into dist/ and takes away what the compiler did not write: a file of a module that was moved or deleted
// would reach a tarball and be imported by who remembers it. Afterwards, so that programs that run find dist/ in its place.
import { spawnSync } from 'node:child_process'
import { lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const dist = path.join(root, 'dist')
const tsc = path.join(
  path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin',
  'tsc',
)

const { status, stdout, stderr } = spawnSync(
  process.execPath,
  [tsc, '-p', 'tsconfig.build.json', '--listEmittedFiles'],
  { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 },
)
const EMITTED = 'TSFILE: '
const lines = stdout.split(/\r?\n/)
const emitted = new Set(
  lines
    .filter((line) => line.startsWith(EMITTED))
    .map((line) => path.resolve(root, line.slice(EMITTED.length))),
)
const messages = lines
  .filter((line) => !line.startsWith(EMITTED))
  .join('\n')
  .trimEnd()
if (messages) console.log(messages)
process.stderr.write(stderr)
process.exitCode = status ?? 1
if (status === 0) {
  // What lies in a folder comes before the folder.
  for (const name of readdirSync(dist, { recursive: true }).sort().reverse()) {
    const entry = path.join(dist, name)
    if (!lstatSync(entry).isDirectory()) {
      if (!emitted.has(entry)) rmSync(entry)
    } else if (readdirSync(entry).length === 0) rmdirSync(entry)
  }
}
