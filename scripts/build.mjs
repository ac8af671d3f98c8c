// Builds build/Release/qwen3guard.node through cmake-js: `node scripts/build.mjs [--debug]`.
// `npm ci`, `node-gyp rebuild` and the source fallback of node-gyp-build all end here (binding.gyp).
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { BuildError, llamaSource, patchHash, pin } from './llama-source.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)
const log = (text) => process.stderr.write(`qwen3guard: ${text}\n`)

const HINTS = {
  linux:
    'Debian, Ubuntu: apt-get install -y build-essential cmake git\nFedora: dnf install gcc-c++ cmake git\nAlpine: apk add build-base cmake git',
  darwin: 'xcode-select --install && brew install cmake',
  win32: 'winget install Kitware.CMake Git.Git Microsoft.VisualStudio.2022.BuildTools',
}

function has(command, args = ['--version']) {
  const result = spawnSync(command, args, { encoding: 'utf8' })
  return result.error || result.status !== 0 ? null : result.stdout
}

function checkTools() {
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
  if (missing.length > 0) {
    throw new BuildError(
      `the native addon is built from source and needs ${missing.join(', ')}.\n${HINTS[process.platform] ?? ''}\nThen: npm run build:native`,
    )
  }
}

/** Runs the build and turns its "[12/73]" or "[ 16%]" lines into one progress line. */
function build(command, args) {
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

async function main() {
  checkTools()
  const started = Date.now()
  const source = llamaSource(log)
  const debug = process.argv.includes('--debug')
  const definitions = {
    LLAMA_CPP_DIR: source,
    QWEN3GUARD_LLAMA_TAG: pin.tag,
    QWEN3GUARD_PATCH: patchHash(),
    // `QWEN3GUARD_CMAKE="-DGGML_CUDA=ON"` adds a back end, `-DGGML_NATIVE=OFF` makes a portable build.
    ...Object.fromEntries(
      (process.env.QWEN3GUARD_CMAKE ?? '')
        .split(/\s+/)
        .filter((word) => word.startsWith('-D'))
        .map((word) => word.slice(2).split(/=(.*)/s)),
    ),
  }
  // node-gyp hands its own architecture choice down in the environment.
  const cmakeJs = (command) => [
    require.resolve('cmake-js/bin/cmake-js'),
    command,
    '--directory',
    root,
    '--out',
    path.join(root, debug ? 'build-cmake-debug' : 'build-cmake'),
    '--parallel',
    String(Math.max(1, os.availableParallelism())),
    ...(debug ? ['--debug'] : []),
    ...Object.entries(definitions).map(([name, value]) => `--CD${name}=${value}`),
  ]
  log('building the native addon (first time: a few minutes)')
  // Configured every time: its `compile` keeps an older pin's tree, and definitions that have changed since.
  await build(process.execPath, cmakeJs('configure'))
  await build(process.execPath, cmakeJs('build'))
  const output = path.join(root, 'build', 'Release', 'qwen3guard.node')
  if (!existsSync(output)) throw new BuildError(`the build ended without ${output}`)
  log(`built build/Release/qwen3guard.node in ${Math.round((Date.now() - started) / 1000)} s`)
}

main().catch((error) => {
  log(error instanceof BuildError ? error.message : (error.stack ?? String(error)))
  process.exitCode = 1
})
