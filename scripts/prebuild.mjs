// Makes this platform's prebuilt binaries, one for each flavour in native/flavours.json: `npm run prebuild`.
//
//   prebuilds/linux-x64/qwen3guard.glibc.node         the slowest flavour, where node-gyp-build would look for one
//   prebuilds/linux-x64/avx2/qwen3guard.glibc.node    the others; lib/binding/addon.ts picks by CPU
//
// prebuildify works in build-prebuild/, so that build/Release keeps the binary for this machine. The flavours share a
// build tree: only ggml's kernels are compiled anew for each.
//
// `npm run prebuild -- --gpu NAME` makes the package of a GPU addon instead (scripts/prebuild-gpu.mjs).
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import prebuildify from 'prebuildify'
import { fail, log, root } from './build-addon.mjs'
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
  const words = [...build, '--flavour', flavour.name]
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
  const target = path.join(root, 'prebuilds', tuple)
  mkdirSync(staging, { recursive: true })
  process.chdir(staging)
  // All or none: a set of two builds would be chosen from as if it were one.
  const built = []
  for (const flavour of flavours) built.push([flavour, await prebuild(flavour)])
  rmSync(target, { recursive: true, force: true })
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

// npm runs a script called `prebuild` before `build` as well, where it must do nothing; and it hands arguments to
// `prebuild` but not to `postprebuild`, which runs after `npm run prebuild` only. So both are this file: the first does
// what its arguments say and leaves word of it, the second makes the flavours unless there is word.
const done = path.join(staging, 'gpu-package-made')

async function main() {
  const event = process.env.npm_lifecycle_event
  const { gpu, rest } = gpuOption(process.argv.slice(2))
  if (rest.length > 0) throw new BuildError(`expected no argument or --gpu NAME, got ${rest.join(' ')}`)
  if (gpu?.length === 0)
    throw new BuildError('--gpu none has no package: `npm run prebuild` makes the CPU flavours.')
  if (event === 'prebuild') rmSync(done, { force: true })
  if (gpu) {
    await prebuildGpu(gpu, staging)
    if (event === 'prebuild') writeFileSync(done, '')
  } else if (event === 'postprebuild' && existsSync(done)) rmSync(done)
  else if (event !== 'prebuild') await prebuildFlavours()
}

await main().catch(fail)
