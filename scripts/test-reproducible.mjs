// Builds the addon twice as `npm run build:prebuilds` does, each time in other folders (sources, cache, build tree), and compares the
// bytes: `npm run test:reproducible [-- --flavour NAME] [-- --short FILE]`. Two whole builds without ccache, which would hide a
// folder that its objects remember. `--short FILE` builds nothing: it looks for folders of this machine in a binary that is there.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { portablePaths } from './build-addon.mjs'
import { flavours } from './flavours.mjs'
import { cacheDir, llamaSource } from './llama-source.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const log = (text) => process.stderr.write(`qwen3guard: ${text}\n`)

/** What a build reads besides node_modules, the models that its self-test loads among it. */
const SOURCES = [
  'CMakeLists.txt',
  'package.json',
  'package-lock.json',
  'native',
  'scripts',
  'models',
  'lib',
  'dist',
]

/** Names of this machine's folders that the bytes hold: where things were built, and the home folder. */
function foldersIn(bytes, folders) {
  return folders.filter((folder) => folder.length > 1 && bytes.includes(folder))
}

/** Copies sources, and llama.cpp into a cache of its own; returns the binary that is built there. */
function buildIn(folder, flavour) {
  const source = path.join(folder, 'source')
  const cache = path.join(folder, 'cache')
  mkdirSync(source, { recursive: true })
  for (const name of SOURCES) {
    if (existsSync(path.join(root, name)))
      cpSync(path.join(root, name), path.join(source, name), { recursive: true })
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(source, 'node_modules'), 'junction')
  const llama = llamaSource(log)
  cpSync(llama, path.join(cache, path.basename(llama)), { recursive: true })
  const out = path.join(folder, 'out')
  const words = ['--gpu', 'none', '--out', out, '--flavour', flavour, portablePaths]
  const { status, error } = spawnSync(
    process.execPath,
    [path.join(source, 'scripts', 'build.mjs'), ...words],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, QWEN3GUARD_CACHE: cache, CCACHE_DISABLE: '1' },
    },
  )
  if (status !== 0) throw new Error(`the build in ${folder} failed: ${error?.message ?? `exit ${status}`}`)
  return readFileSync(path.join(out, 'build', 'Release', 'qwen3guard.node'))
}

const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** The first bytes that differ, with what is around them in either. */
function firstDifference(one, other) {
  let at = 0
  while (at < one.length && one[at] === other[at]) at += 1
  const around = (bytes) => JSON.stringify(bytes.subarray(Math.max(0, at - 16), at + 48).toString('latin1'))
  return `${one.length} and ${other.length} bytes; from byte ${at} on: ${around(one)}, ${around(other)}`
}

function buildTwice(flavour) {
  const work = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-twice-'))
  try {
    // Folders of other lengths too.
    const folders = [path.join(work, 'one'), path.join(work, 'the other of the two')]
    const [one, other] = folders.map((folder) => {
      const started = Date.now()
      const bytes = buildIn(folder, flavour)
      log(`built in ${Math.round((Date.now() - started) / 1000)} s: ${hash(bytes)}`)
      return bytes
    })
    const named = [one, other].flatMap((bytes) => foldersIn(bytes, [work, root, cacheDir()]))
    if (named.length > 0) throw new Error(`the binary names ${[...new Set(named)].join(', ')}`)
    if (!one.equals(other)) throw new Error(`two builds differ: ${firstDifference(one, other)}`)
    console.log(`flavour ${flavour}: the same ${one.length} bytes twice, sha256 ${hash(one)}`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

const { values } = parseArgs({ options: { flavour: { type: 'string' }, short: { type: 'string' } } })
try {
  if (values.short === undefined) buildTwice(values.flavour ?? flavours.at(-1)?.name ?? 'native')
  else {
    const named = foldersIn(readFileSync(values.short), [root, cacheDir(), os.homedir()])
    if (named.length > 0) throw new Error(`${values.short} names ${named.join(', ')}`)
    console.log(`${path.basename(values.short)} names no folder of this machine`)
  }
} catch (error) {
  log(error.message)
  process.exitCode = 1
}
