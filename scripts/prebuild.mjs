// Makes this platform's prebuilt binaries, one for each flavour in native/flavours.json:
// `npm run build:prebuilds`.
//
//   prebuilds/linux-x64/qwen3guard.glibc.node         the slowest flavour, where node-gyp-build would look for one
//   prebuilds/linux-x64/avx2/qwen3guard.glibc.node    the others; lib/binding/addon.ts picks by CPU
//
// prebuildify works in build-prebuild/, so that build/Release keeps the binary for this machine. The flavours share a
// build tree: only ggml's kernels are compiled anew for each.
//
// `npm run build:prebuilds -- --target win32-x64` cross-compiles another platform's (scripts/cross).
// `npm run build:prebuilds -- --gpu NAME` makes the package of a GPU addon instead (scripts/prebuild-gpu.mjs).
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import prebuildify from 'prebuildify'
import { fail, log, portablePaths, root } from './build-addon.mjs'
import { crossBuild } from './cross/build.mjs'
import { flavours } from './flavours.mjs'
import { gpuOption } from './gpu-backends.mjs'
import { BuildError } from './llama-source.mjs'
import { prebuildGpu } from './prebuild-gpu.mjs'

const staging = path.join(root, 'build-prebuild')
const tuple = `${process.platform}-${process.arch}`

/** Builds one flavour; returns the folder that holds its file. */
async function prebuild(flavour) {
  log(`flavour ${flavour.name}`)
  const build = [process.execPath, path.join(root, 'scripts', 'build.mjs'), '--gpu', 'none', '--out', staging]
  const words = [...build, '--flavour', flavour.name, portablePaths]
  await promisify(prebuildify)({
    name: 'qwen3guard',
    // Relative to the folder it runs in: it quotes no path.
    cwd: '.',
    out: flavour.name,
    cache: 'cache',
    napi: true,
    strip: true,
    tagLibc: process.platform === 'linux',
    // In place of node-gyp, which wants Python and Node's headers to start a CMake build that needs neither.
    nodeGyp: words.map((word) => `"${word}"`).join(' '),
    shell: true,
  })
  return path.join(staging, flavour.name, 'prebuilds', tuple)
}

async function prebuildFlavours() {
  if (process.env.QWEN3GUARD_CMAKE?.includes('QWEN3GUARD_FAULTS')) {
    throw new BuildError(
      'QWEN3GUARD_FAULTS is for tests on this machine: a prebuilt binary has nothing that makes its calls fail',
    )
  }
  const target = path.join(root, 'prebuilds', tuple)
  mkdirSync(staging, { recursive: true })
  process.chdir(staging)
  // All or none: a set of two builds would be chosen from as if it were one.
  const built = []
  for (const flavour of flavours) built.push([flavour, await prebuild(flavour)])
  // What was cross-compiled for another C library stays.
  const others = existsSync(target) ? readdirSync(target, { recursive: true }) : []
  for (const name of others) {
    if (name.endsWith('.node') && !name.endsWith('.musl.node')) rmSync(path.join(target, name))
  }
  for (const [flavour, from] of built) {
    const to = flavour === flavours.at(-1) ? target : path.join(target, flavour.name)
    mkdirSync(to, { recursive: true })
    for (const name of readdirSync(from)) {
      renameSync(path.join(from, name), path.join(to, name))
      const bytes = statSync(path.join(to, name)).size
      log(`${path.relative(root, path.join(to, name))}: ${(bytes / 1e6).toFixed(2)} MB`)
    }
  }
}

async function main() {
  const { gpu, rest } = gpuOption(process.argv.slice(2))
  if (rest[0] === '--target' && !gpu) {
    const [, targets = '', option, flavour] = rest
    if (option !== undefined && (option !== '--flavour' || !flavour || rest.length > 4)) {
      throw new BuildError(`expected --target NAME[,NAME…] [--flavour NAME], got ${rest.join(' ')}`)
    }
    return crossBuild(targets.split(','), flavour, path.join(staging, 'cross'))
  }
  if (rest.length > 0)
    throw new BuildError(`expected no argument, --target NAME or --gpu NAME, got ${rest.join(' ')}`)
  if (gpu?.length === 0)
    throw new BuildError('--gpu none has no package: `npm run build:prebuilds` makes the CPU flavours.')
  await (gpu ? prebuildGpu(gpu, staging) : prebuildFlavours())
}

await main().catch(fail)
