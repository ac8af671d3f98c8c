// Cross-compiles the binaries of one platform: `npm run build:prebuilds -- --target NAME[,NAME…] [--flavour NAME]`.
import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { log, portablePaths, root } from '../build-addon.mjs'
import { buildTools } from '../build-tools.mjs'
import { flavourDefinitions, flavoursOf } from '../flavours.mjs'
import { noGpu } from '../gpu-backends.mjs'
import { BuildError, llamaSource, patchHash, pin, sourceHash } from '../llama-source.mjs'
import { keepMacosEntryExports } from './macos-exports.mjs'
import { windowsImports } from './node-api.mjs'
import { npmPackage, PACKAGES } from './npm-file.mjs'
import { binaryOf, TARGETS } from './targets.mjs'
import { toolchain } from './toolchain.mjs'
import { keepWindowsEntryExports } from './windows-exports.mjs'

function run(command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let tail = ''
    const read = (chunk) => {
      tail = (tail + chunk).slice(-8000)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0
        ? resolve()
        : reject(new BuildError(`${command} ${args.join(' ')} failed (exit ${code}):\n${tail}`)),
    )
  })
}

async function buildFlavour(target, flavour, flavours, staging) {
  const started = Date.now()
  const { file: toolchainFile, env } = toolchain(target, log)
  const headers = npmPackage(PACKAGES.nodeApi, log)
  const tree = path.join(staging, target.name)
  const output = path.join(tree, 'output')
  mkdirSync(tree, { recursive: true })
  const definitions = {
    ...noGpu,
    CMAKE_TOOLCHAIN_FILE: toolchainFile,
    CMAKE_BUILD_TYPE: 'Release',
    LLAMA_CPP_DIR: llamaSource(log),
    NODE_ADDON_API_DIR: buildTools(log).nodeAddonApi,
    CMAKE_JS_INC: path.join(headers, 'include'),
    ...(target.platform === 'win32' && { CMAKE_JS_SRC: windowsImports(headers, tree) }),
    // zig's headers lack THREAD_POWER_THROTTLING_STATE, which ggml wants from 0x602 on.
    ...(target.platform === 'win32' && {
      CMAKE_C_FLAGS: '-D_WIN32_WINNT=0x0601',
      CMAKE_CXX_FLAGS: '-D_WIN32_WINNT=0x0601',
    }),
    CMAKE_SHARED_LINKER_FLAGS: target.platform === 'darwin' ? '-s -undefined dynamic_lookup' : '-s',
    // CMake insists on a program that it never calls here.
    ...(target.platform === 'darwin' && { CMAKE_INSTALL_NAME_TOOL: '/bin/true' }),
    GGML_CCACHE: 'OFF',
    GGML_ACCELERATE: 'OFF',
    GGML_BLAS: 'OFF',
    QWEN3GUARD_OUTPUT: output,
    QWEN3GUARD_LLAMA_TAG: pin.tag,
    QWEN3GUARD_PATCH: patchHash(),
    QWEN3GUARD_SOURCE: sourceHash(),
    QWEN3GUARD_FLAVOUR: flavour.name,
  }
  log(`${target.name}, flavour ${flavour.name}`)
  await run(
    'cmake',
    [
      ...['-S', root, '-B', tree],
      ...Object.entries(definitions).map(([name, value]) => `-D${name}=${value}`),
      ...flavourDefinitions(flavour, flavours),
      portablePaths,
    ],
    env,
  )
  const jobs = String(os.availableParallelism())
  await run('cmake', ['--build', tree, '--target', 'qwen3guard', '--parallel', jobs], env)
  const to = path.join(root, 'prebuilds', binaryOf(target, flavour, flavours))
  mkdirSync(path.dirname(to), { recursive: true })
  const made = path.join(output, 'qwen3guard.node')
  if (target.platform === 'win32') keepWindowsEntryExports(made)
  if (target.platform === 'darwin') keepMacosEntryExports(made)
  copyFileSync(made, to)
  const seconds = Math.round((Date.now() - started) / 1000)
  log(`${path.relative(root, to)}: ${(statSync(to).size / 1e6).toFixed(2)} MB in ${seconds} s`)
}

/** Builds every flavour of those targets, slowest first, or the one that is named. */
export async function crossBuild(names, only, staging) {
  const wanted = names.includes('all') ? TARGETS.map(({ name }) => name) : names
  for (const name of wanted) {
    const target = TARGETS.find((known) => known.name === name)
    if (!target) {
      const known = TARGETS.map((each) => each.name).join(', ')
      throw new BuildError(`expected --target ${known} or all, got '${name}'`)
    }
    const flavours = flavoursOf(target.platform, target.arch)
    const chosen = only ? flavours.filter((flavour) => flavour.name === only) : [...flavours].reverse()
    if (chosen.length === 0) throw new BuildError(`${name} has no flavour '${only}'`)
    for (const flavour of chosen) await buildFlavour(target, flavour, flavours, staging)
  }
}
