// Compiles lib/ into dist/, the playground of it for browsers, and takes away what the compiler did not write: a file of a
// module that was moved or deleted would reach a tarball and be imported by who remembers it. Afterwards, so that programs
// that run find dist/ in its place.
import { spawnSync } from 'node:child_process'
import { copyFileSync, lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
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

const compile = (...words) =>
  spawnSync(process.execPath, [tsc, ...words, '--listEmittedFiles'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
// The playground first: what it shares with the rest is written again, with its declarations.
const runs = [
  compile('-p', 'tsconfig.playground.json', '--noEmit', 'false'),
  compile('-p', 'tsconfig.build.json'),
]
const status = runs.every((run) => run.status === 0) ? 0 : 1
const EMITTED = 'TSFILE: '
const lines = runs.flatMap(({ stdout }) => stdout.split(/\r?\n/))
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
for (const { stderr } of runs) process.stderr.write(stderr)
process.exitCode = status
if (status === 0) {
  // What browsers take as it is.
  const pages = 'playground'
  for (const name of readdirSync(path.join(root, 'lib', pages))) {
    if (name.endsWith('.ts')) continue
    const copy = path.join(dist, pages, name)
    copyFileSync(path.join(root, 'lib', pages, name), copy)
    emitted.add(copy)
  }
  // What lies in a folder comes before the folder. dist/cjs is the next step's (cjs-entries.mjs).
  for (const name of readdirSync(dist, { recursive: true }).sort().reverse()) {
    if (name.split(path.sep)[0] === 'cjs') continue
    const entry = path.join(dist, name)
    if (!lstatSync(entry).isDirectory()) {
      if (!emitted.has(entry)) rmSync(entry)
    } else if (readdirSync(entry).length === 0) rmdirSync(entry)
  }
}
