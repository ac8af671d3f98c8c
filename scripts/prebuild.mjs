// Makes this platform's prebuilt binaries, one for each flavour in native/flavours.json: `npm run prebuild`.
//
//   prebuilds/linux-x64/qwen3guard.glibc.node         the slowest flavour, where node-gyp-build would look for one
//   prebuilds/linux-x64/avx2/qwen3guard.glibc.node    the others; lib/engine/addon.ts picks by CPU
//
// prebuildify works in build-prebuild/, so that build/Release keeps the binary for this machine. The flavours share a
// build tree: only ggml's kernels are compiled anew for each.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import prebuildify from 'prebuildify'
import { fail, log, root } from './build-addon.mjs'

const staging = path.join(root, 'build-prebuild')
const tuple = `${process.platform}-${process.arch}`
const listed = JSON.parse(readFileSync(path.join(root, 'native', 'flavours.json'), 'utf8'))
const flavours = listed[tuple] ?? listed[process.arch] ?? [{ name: 'portable', cmake: [] }]

/** This flavour's CMake definitions over those of the slower ones; all others are off. */
function definitions(flavour) {
  const names = flavours.flatMap(({ cmake }) => cmake.map((word) => word.split('=')[0]))
  const slowestFirst = flavours.slice(flavours.indexOf(flavour)).reverse()
  const values = {
    GGML_NATIVE: 'OFF',
    ...Object.fromEntries(names.map((name) => [name, 'OFF'])),
    ...Object.fromEntries(slowestFirst.flatMap(({ cmake }) => cmake.map((word) => word.split('=')))),
  }
  return Object.entries(values).map(([name, value]) => `-D${name}=${value}`)
}

/** Builds one flavour; returns the folder that holds its file. */
async function prebuild(flavour) {
  log(`flavour ${flavour.name}`)
  const build = [process.execPath, path.join(root, 'scripts', 'build.mjs'), '--out', staging]
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
    nodeGyp: [...build, ...definitions(flavour)].map((word) => `"${word}"`).join(' '),
    shell: true,
  })
  return path.join(staging, flavour.name, 'prebuilds', tuple)
}

async function main() {
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

await main().catch(fail)
