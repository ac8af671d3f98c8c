// Builds qwen3guard.node from source, through cmake-js.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildTools } from './build-tools.mjs'
import { BuildError, llamaSource, patchHash, pin } from './llama-source.mjs'

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
export const log = (text) => process.stderr.write(`qwen3guard: ${text}\n`)

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
export function missingTools() {
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
  if (missing.length === 0) return null
  return [
    `to build the native addon from source, install ${missing.join(', ')}.`,
    ...(HINTS[process.platform] ?? []),
    `Then: ${isClone ? 'npm run build:native' : 'npm rebuild qwen3guard'}`,
  ].join('\n')
}

/** Runs a command of the build and turns its "[12/73]" or "[ 16%]" lines into one progress line. */
function run(command, args) {
  const tty = process.stderr.isTTY
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let tail = ''
    let shown = -1
    const read = (chunk) => {
      tail = (tail + chunk).slice(-20_000)
      for (const [, done, total, percent] of String(chunk).matchAll(/^\[\s*(?:(\d+)\/(\d+)|(\d+)%)\]/gm)) {
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

/**
 * Builds `out`/build/Release/qwen3guard.node. `define` holds CMake definitions such as `-DGGML_NATIVE=OFF`;
 * the environment adds its own: `QWEN3GUARD_CMAKE="-DGGML_CUDA=ON"`.
 *
 * @throws BuildError
 */
export async function buildAddon({ out = root, debug = false, define = [] } = {}) {
  const missing = missingTools()
  if (missing) throw new BuildError(missing)
  const started = Date.now()
  const source = llamaSource(log)
  const { cmakeJs, nodeAddonApi } = buildTools(log)
  const output = path.join(out, 'build', 'Release')
  // In CMake's spelling: a backslash is an escape.
  const cmakePath = (file) => file.replaceAll(path.sep, '/')
  const definitions = {
    LLAMA_CPP_DIR: cmakePath(source),
    NODE_ADDON_API_DIR: cmakePath(nodeAddonApi),
    QWEN3GUARD_OUTPUT: cmakePath(output),
    QWEN3GUARD_LLAMA_TAG: pin.tag,
    QWEN3GUARD_PATCH: patchHash(),
    ...Object.fromEntries(
      [...define, ...(process.env.QWEN3GUARD_CMAKE ?? '').split(/\s+/)]
        .filter((word) => word.startsWith('-D'))
        .map((word) => word.slice(2).split(/=(.*)/s)),
    ),
  }
  // node-gyp hands its own architecture choice down in the environment.
  const words = (command) => [
    cmakeJs,
    command,
    '--directory',
    root,
    '--out',
    path.join(out, debug ? 'build-cmake-debug' : 'build-cmake'),
    '--parallel',
    String(Math.max(1, os.availableParallelism())),
    ...(debug ? ['--debug'] : []),
    ...Object.entries(definitions).map(([name, value]) => `--CD${name}=${value}`),
  ]
  log('building the native addon (first time: a few minutes)')
  // Configured every time: its `compile` keeps an older pin's tree, and definitions that have changed since.
  await run(process.execPath, words('configure'))
  await run(process.execPath, words('build'))
  const file = path.join(output, 'qwen3guard.node')
  if (!existsSync(file)) throw new BuildError(`the build ended without ${file}`)
  log(`built ${path.relative(root, file)} in ${Math.round((Date.now() - started) / 1000)} s`)
}

/** Prints why the build failed; what its message does not explain, with the stack. */
export function fail(error) {
  log(error instanceof BuildError ? error.message : (error.stack ?? String(error)))
  process.exitCode = 1
}
