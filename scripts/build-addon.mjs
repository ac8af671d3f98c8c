// Builds qwen3guard.node from source, through cmake-js.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildTools } from './build-tools.mjs'
import { flavourDefinitions, flavourNamed, flavoursHere, gpuFlavour } from './flavours.mjs'
import { addonName, backendOf, defaultGpu, noGpu, spoken } from './gpu-backends.mjs'
import { gpuToolchain } from './gpu-tools.mjs'
import { BuildError, llamaSource, patchHash, pin, sourceHash } from './llama-source.mjs'
import { selfTest } from './self-test.mjs'

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
export const log = (text) => process.stderr.write(`qwen3guard: ${text}\n`)

/** Of binaries that are published: they name no folder of this machine, and have the same bytes wherever they are built. */
export const portablePaths = '-DQWEN3GUARD_PORTABLE_PATHS=ON'

const HINTS = {
  linux: [
    'Debian, Ubuntu: apt-get install -y build-essential cmake git',
    'Fedora: dnf install gcc-c++ cmake git',
    'Alpine: apk add build-base cmake git linux-headers',
  ],
  darwin: ['xcode-select --install && brew install cmake'],
  win32: ['winget install Kitware.CMake Git.Git Microsoft.VisualStudio.2022.BuildTools'],
}

/** Whether this is the repository; the package does not ship its TypeScript. */
export const isClone = existsSync(path.join(root, 'lib'))

function has(command, args = ['--version']) {
  const result = spawnSync(command, args, { encoding: 'utf8' })
  return result.error || result.status !== 0 ? null : result.stdout
}

/** What a source build lacks here and the commands to mend it, or null if it has its tools. */
export function missingTools(gpu = defaultGpu, options = {}) {
  const missing = []
  const cmake = has('cmake')
  const [, major, minor] = cmake?.match(/version (\d+)\.(\d+)/) ?? []
  if (!cmake) missing.push('cmake (3.21 or newer)')
  else if (Number(major) < 3 || (Number(major) === 3 && Number(minor) < 21)) {
    missing.push(`cmake 3.21 or newer (found ${major}.${minor})`)
  }
  if (!has('git')) missing.push('git')
  if (process.platform !== 'win32') {
    const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean)
    if (!compilers.some((name) => has(name.split(' ')[0]))) missing.push('a C++17 compiler (g++ or clang++)')
  }
  const hints = missing.length > 0 ? (HINTS[process.platform] ?? []) : []
  const toolchain = gpuToolchain(gpu, options)
  missing.push(...toolchain.missing)
  if (missing.length === 0) return null
  const asked = addonName(gpu) === addonName(defaultGpu) ? '' : ` --gpu ${gpu.join() || 'none'}`
  const again = isClone
    ? `npm run build:native${asked && ` --${asked}`}`
    : asked
      ? `npx qwen3guard build${asked}`
      : 'npx qwen3guard build'
  return [
    `to build the native addon from source, install ${missing.join(', ')}.`,
    ...hints,
    ...toolchain.hints,
    `Then: ${again}`,
  ].join('\n')
}

/** Runs a command of the build and turns its "[12/73]" or "[ 16%]" lines into one progress line. */
function run(command, args, env) {
  const tty = process.stderr.isTTY
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let tail = ''
    let shown = -1
    const read = (chunk) => {
      tail = (tail + chunk).slice(-20_000)
      const lines = String(chunk).matchAll(/^\[\s*(?:(\d+)\/(\d+)|(\d+)%)\](?!.*vulkan-shaders-gen)/gm)
      // Not those of vulkan-shaders-gen, a build of its own within ggml's.
      for (const [, done, total, percent] of lines) {
        const now = percent ? Number(percent) : Math.floor((100 * Number(done)) / Number(total))
        if (now <= shown || (!tty && now < shown + 10)) continue
        shown = now
        process.stderr.write(tty ? `\rqwen3guard: compiling ${now} %` : `qwen3guard: compiling ${now} %\n`)
      }
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('error', reject)
    child.on('close', (code) => {
      if (tty && shown >= 0) process.stderr.write('\n')
      if (code === 0) return resolve()
      reject(
        new BuildError(
          `the native build failed (exit ${code}). Its last lines:\n\n${tail.split('\n').slice(-40).join('\n')}`,
        ),
      )
    })
  })
}

/** The caller's definitions and the environment's: `QWEN3GUARD_CMAKE="-DGGML_LLAMAFILE=OFF"`. */
function ownDefinitions(define) {
  const words = [...define, ...(process.env.QWEN3GUARD_CMAKE ?? '').split(/\s+/)]
  const own = words.filter((word) => word.startsWith('-D'))
  for (const word of own) {
    const name = backendOf(word)
    if (name === undefined) continue
    throw new BuildError(
      `${word}: a GPU back end is built into an addon of its own, so that the CPU's needs no GPU library. ` +
        `${isClone ? 'npm run build --' : `node ${path.join(root, 'scripts', 'build.mjs')}`} --gpu ${name}`,
    )
  }
  return own
}

/** Takes an older addon away, so that it is not loaded as if it were the one that could not be built. */
function removeAddon(file) {
  try {
    rmSync(file, { force: true })
  } catch (error) {
    throw new BuildError(`${file} is in use (${error.code}): end the processes that have loaded it.`)
  }
}

/**
 * The flavours to build, the next one where the one before fails its self-test; `null`: for this machine's CPU as the
 * compiler sees it (`-DGGML_NATIVE=ON`, and platforms without flavours).
 */
function flavoursToBuild(name, own, out) {
  const native = own.findLast((word) => /^-DGGML_NATIVE(:BOOL)?=/.test(word))
  if (native && /=(ON|1|TRUE|YES|Y)$/i.test(native)) return [null]
  if (name) return [flavourNamed(name)]
  const here = flavoursHere(freshTree(path.join(out, 'build-cmake-cpu')))
  return here.length > 0 ? here : [null]
}

/**
 * That build tree, emptied if it was made for another place or of another llama.cpp: CMake refuses one that was moved or
 * copied, and so does the tree of Vulkan's shaders within it.
 */
function freshTree(tree, source) {
  const cache = path.join(tree, 'CMakeCache.txt')
  if (!existsSync(cache)) return tree
  const stated = (name) => new RegExp(`^${name}:\\w+=(.*)$`, 'm').exec(readFileSync(cache, 'utf8'))?.[1]
  const made = stated('CMAKE_CACHEFILE_DIR')
  const home = stated('CMAKE_HOME_DIRECTORY')
  const other = source !== undefined && stated('LLAMA_CPP_DIR') !== source
  const isHere = (folder) => folder !== undefined && existsSync(folder)
  const moved = !isHere(made) || realpathSync(made) !== realpathSync(tree)
  const within = isHere(home) && !path.relative(realpathSync(root), realpathSync(home)).startsWith('..')
  if (moved || !within || other) rmSync(tree, { recursive: true, force: true })
  return tree
}

/**
 * Builds `out`/build/Release/qwen3guard.node (unless `cpu` is false) and, with GPU back ends, `out`/build/Release/
 * <back ends>/qwen3guard.node. They are of the fastest flavour that this CPU, its system and the compiler allow, or the one
 * that `flavour` names, or with `portable` for other machines too. `define` holds CMake definitions such as
 * `-DGGML_LLAMAFILE=OFF`; QWEN3GUARD_CMAKE adds its own. Returns the last file's path.
 *
 * The addon for the CPU is tried when it is built: where it fails, the next slower flavour takes its place. Where a build
 * fails there is no addon, not even an older one.
 *
 * @throws BuildError; if a tool is missing, before anything is compiled
 */
export async function buildAddons({
  gpu = defaultGpu,
  cpu = true,
  out = root,
  debug = false,
  portable = false,
  flavour: name = process.env.QWEN3GUARD_CPU,
  define = [],
} = {}) {
  const fileOf = (backends) => path.join(out, 'build', 'Release', addonName(backends), 'qwen3guard.node')
  // What is asked wrongly is no build: it takes nothing away.
  const own = ownDefinitions(define)
  if (name) flavourNamed(name)
  if (cpu) removeAddon(fileOf([]))
  if (gpu.length > 0) removeAddon(fileOf(gpu))
  const missing = missingTools(gpu, { define: own, portable })
  if (missing) throw new BuildError(missing)
  const candidates = portable ? [gpuFlavour] : flavoursToBuild(name, own, out)
  const made = (backends, flavour) =>
    build(fileOf(backends), backends, gpuToolchain(backends, { define: own, portable }), {
      ...{ out, debug, portable, flavour, own },
    })
  let flavour = candidates[0]
  if (cpu) {
    for (const [at, candidate] of candidates.entries()) {
      flavour = candidate
      await made([], flavour)
      const fault = await selfTest(fileOf([]), log)
      if (fault === null) break
      removeAddon(fileOf([]))
      const next = candidates[at + 1]
      if (!next) throw new BuildError(`the new addon cannot be used here: ${fault}`)
      log(`flavour ${flavour.name} cannot be used here (${fault}), so ${next.name} is built`)
    }
  }
  if (gpu.length > 0) await made(gpu, flavour)
  return fileOf(gpu.length > 0 ? gpu : [])
}

async function build(file, gpu, toolchain, { out, debug, portable, flavour, own }) {
  const started = Date.now()
  const source = llamaSource(log)
  const { cmakeJs, nodeAddonApi } = buildTools(log)
  const values = {
    LLAMA_CPP_DIR: source,
    NODE_ADDON_API_DIR: nodeAddonApi,
    QWEN3GUARD_OUTPUT: path.dirname(file),
    ...noGpu,
    ...toolchain.definitions,
  }
  const definitions = {
    // In CMake's spelling: a backslash is an escape.
    ...Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, value.replaceAll(path.sep, '/')]),
    ),
    QWEN3GUARD_LLAMA_TAG: pin.tag,
    QWEN3GUARD_PATCH: patchHash(),
    QWEN3GUARD_SOURCE: sourceHash(),
    QWEN3GUARD_FLAVOUR: flavour?.name ?? 'native',
    ...Object.fromEntries(
      [...(flavour ? flavourDefinitions(flavour) : ['-DGGML_NATIVE=ON']), ...own].map((word) =>
        word.slice(2).split(/=(.*)/s),
      ),
    ),
  }
  // CMake keeps what it was once told: builds that differ in more than sources have trees of their own.
  const tree = ['build-cmake', ...gpu, portable && 'portable', debug && 'debug'].filter(Boolean).join('-')
  // node-gyp hands its own architecture choice down in the environment.
  const words = (command) => [
    cmakeJs,
    command,
    '--directory',
    root,
    '--out',
    freshTree(path.join(out, tree), definitions.LLAMA_CPP_DIR),
    '--parallel',
    String(Math.max(1, os.availableParallelism())),
    ...(debug ? ['--debug'] : []),
    ...Object.entries(definitions).map(([name, value]) => `--CD${name}=${value}`),
  ]
  const name = ['the native addon', ...(gpu.length > 0 ? [`with ${spoken(gpu)}`] : [])].join(' ')
  const kind = flavour ? `flavour ${flavour.name}` : "for this machine's CPU"
  log(`building ${name}, ${kind} (first time: ${gpu.includes('cuda') ? 'up to hours' : 'a few minutes'})`)
  if (gpu.includes('cuda')) {
    const cards = definitions.CMAKE_CUDA_ARCHITECTURES
    log(`for CUDA architectures ${cards}; QWEN3GUARD_CMAKE="-DCMAKE_CUDA_ARCHITECTURES=…" chooses others`)
  }
  // Configured every time: its `compile` keeps an older pin's tree, and definitions that have changed since.
  await run(process.execPath, words('configure'), toolchain.env)
  await run(process.execPath, words('build'), toolchain.env)
  if (!existsSync(file)) throw new BuildError(`the build ended without ${file}`)
  log(`built ${path.relative(root, file)} in ${Math.round((Date.now() - started) / 1000)} s`)
}

/** Prints why the build failed; what its message does not explain, with the stack. */
export function fail(error) {
  log(error instanceof BuildError ? error.message : (error.stack ?? String(error)))
  process.exitCode = 1
}
