// The runtimes that the packed package is tried on, as npm packages of this platform: installed once into node_modules/.cache, without
// scripts of theirs.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { npm } from '../llama-source.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = path.join(root, 'node_modules', '.cache', 'runtimes')
const modules = path.join(folder, 'node_modules')
const exe = process.platform === 'win32' ? '.exe' : ''
const nodePackage = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`

/** By the name in the table: what npm is to install, and where the program then lies (folders by a pattern). */
const RUNTIMES = {
  'Node.js 20.19': {
    spec: `node-20.19@npm:${nodePackage}@~20.19`,
    at: [/^node-20\.19$/, 'bin', `node${exe}`],
  },
  'Node.js 22': { spec: `node-22@npm:${nodePackage}@22`, at: [/^node-22$/, 'bin', `node${exe}`] },
  'Node.js 24': { spec: `node-24@npm:${nodePackage}@24`, at: [/^node-24$/, 'bin', `node${exe}`] },
  'Node.js newest': {
    spec: `node-newest@npm:${nodePackage}@latest`,
    at: [/^node-newest$/, 'bin', `node${exe}`],
  },
  Bun: { spec: 'bun@1', at: ['@oven', /^bun-/, 'bin', `bun${exe}`] },
  Deno: { spec: 'deno@2', at: ['@deno', /^/, `deno${exe}`], words: ['run', '-A'] },
  // Its package holds no program: a script of it downloads one from GitHub.
  Electron: {
    spec: 'electron@latest',
    at: ['electron', 'path.txt'],
    setup: ['electron', 'install.js'],
    env: { ELECTRON_RUN_AS_NODE: '1' },
  },
}

/** The runtime that runs this script, in the table. */
const OWN = { name: 'this one', command: [process.execPath], env: {} }

export const NAMES = ['this', ...Object.keys(RUNTIMES)]

/** Every file that lies there, a part that is a pattern standing for all folders of such names. */
function filesAt(folder, [part, ...rest]) {
  if (part === undefined) return existsSync(folder) ? [folder] : []
  if (typeof part === 'string') return filesAt(path.join(folder, part), rest)
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names.filter((name) => part.test(name)).flatMap((name) => filesAt(path.join(folder, name), rest))
}

/** A program that runs here, of those (Bun has some that need a newer CPU). */
function programOf({ at, env = {} }) {
  const files = filesAt(modules, at).map((file) =>
    // Electron's says where its program is.
    path.basename(file) === 'path.txt'
      ? path.join(path.dirname(file), 'dist', readFileSync(file, 'utf8'))
      : file,
  )
  return files.find(
    (file) => spawnSync(file, ['--version'], { env: { ...process.env, ...env } }).status === 0,
  )
}

/** Runs a script of a package; says what failed, if anything did. */
function setUp(script) {
  const { status, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8', timeout: 600_000 })
  if (status === 0) return null
  return (
    /getaddrinfo \w+ \S+|^\w*Error: .*/m.exec(stderr.replace(/^TypeError: fetch failed/m, ''))?.[0] ??
    `${path.basename(script)} ended with ${status}`
  )
}

/** How that runtime is started; or why it cannot be. */
export function runtimeNamed(name, log) {
  if (name === 'this') return OWN
  const runtime = RUNTIMES[name]
  mkdirSync(folder, { recursive: true })
  const manifest = path.join(folder, 'package.json')
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n')
  if (!programOf(runtime)) {
    log(`fetching ${runtime.spec} from the npm registry`)
    const words = ['install', '--no-audit', '--no-fund', '--ignore-scripts', runtime.spec]
    npm(words, { cwd: folder }, `${runtime.spec} could not be installed.`)
    const missing = runtime.setup && setUp(path.join(modules, ...runtime.setup))
    if (missing) return { name, missing }
  }
  const program = programOf(runtime)
  if (!program) return { name, missing: 'the registry has none that runs on this platform' }
  return { name, command: [program, ...(runtime.words ?? [])], env: runtime.env ?? {} }
}
