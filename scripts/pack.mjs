// Makes the tarballs that are published: `node scripts/pack.mjs [FOLDER] [--complete | --whole]`.
//
//   qwen3guard-0.1.0.tgz                       this package, with the platforms' as optional dependencies
//   qwen3guard-linux-x64-0.1.0.tgz, ...        @qwen3guard/linux-x64: the binaries in prebuilds/, one package for a platform
//
// --complete fails unless every platform of native/platforms.json has its binaries of every flavour, and those for Linux are for the oldest
// that Node.js 20 runs on: the form of a release. --whole makes one tarball that holds all of them. docs/packaging.md says why
// there are both.
//
// With binaries the manifest has no scripts: package managers that run none would refuse the package, or ask, for a build that
// nobody needs. Without any the install script stays, and builds from source.

import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { binaryOf, TARGETS } from './cross/targets.mjs'
import { flavoursOf } from './flavours.mjs'
import { BuildError, npm } from './llama-source.mjs'
import { tooNewSymbols } from './symbol-versions.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const platformList = path.join(root, 'native', 'platforms.json')
const ownBinaries = path.join('prebuilds', `${process.platform}-${process.arch}`)

/** Packs folders as they are; returns the tarballs' paths. */
export function pack(folders, into) {
  mkdirSync(into, { recursive: true })
  const words = ['pack', '--ignore-scripts', '--silent', '--pack-destination', into, ...folders]
  npm(words, { cwd: into }, 'The packages could not be packed.')
  return readdirSync(into)
    .filter((name) => name.endsWith('.tgz'))
    .map((name) => path.join(into, name))
}

/** Puts a line of text in place of every platform's binaries that are not there. */
function writePlaceholders(own, platforms) {
  for (const { os: system, cpu, libc } of platforms) {
    const into = path.join(own, 'prebuilds', `${system}-${cpu}`)
    mkdirSync(into, { recursive: true })
    const there = readdirSync(into).some((file) => /\.musl\.node$/.test(file) === (libc === 'musl'))
    const name = libc === 'musl' ? 'qwen3guard.musl.node' : 'qwen3guard.node'
    if (!there) writeFileSync(path.join(into, name), 'no binary\n')
  }
}

/** What is packed: the package as npm packs it, unpacked into `folder`, with build/Release in place of binaries for `standIn`. */
function unpacked(folder, standIn) {
  const [raw] = pack([root], path.join(folder, 'raw'))
  execFileSync('tar', ['-xzf', path.basename(raw)], { cwd: path.dirname(raw) })
  const own = path.join(folder, 'raw', 'package')
  if (standIn && !existsSync(path.join(own, ownBinaries))) {
    mkdirSync(path.join(own, ownBinaries), { recursive: true })
    copyFileSync(
      path.join(root, 'build', 'Release', 'qwen3guard.node'),
      path.join(own, ownBinaries, 'qwen3guard.node'),
    )
  }
  return own
}

function writeManifest(folder, manifest) {
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

/** Files that a release has and `prebuilds` lacks: every platform's, of every flavour. */
function missingBinaries(prebuilds) {
  const wanted = TARGETS.flatMap((target) => {
    const flavours = flavoursOf(target.platform, target.arch)
    return flavours.map((flavour) => binaryOf(target, flavour, flavours))
  })
  return wanted.filter((file) => !existsSync(path.join(prebuilds, file)))
}

/** Packs a folder into another; returns the tarball's path there. */
function packOne(folder, into) {
  const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', into, folder]
  mkdirSync(into, { recursive: true })
  const [{ filename }] = JSON.parse(npm(words, { cwd: into }, 'The package could not be packed.'))
  return path.join(into, filename)
}

function wantOldSymbols(file) {
  const newer = tooNewSymbols(file)
  if (newer.length === 0) return
  throw new BuildError(
    `${file.slice(file.lastIndexOf('prebuilds'))} needs ${newer.join(', ')}, which Node.js 20's oldest systems lack. ` +
      'A release takes binaries of `npm run build:prebuilds -- --target NAME`, or of a build on such a system.',
  )
}

/** Moves a platform's binaries out of `own` into a folder for its package; null where there are none. */
function platformFolder(own, folder, { name, os: system, cpu, libc }, manifest, complete) {
  const from = path.join(own, 'prebuilds', `${system}-${cpu}`)
  if (!existsSync(from)) return null
  // prebuildify's tag; a binary without one is for every C library.
  const files = readdirSync(from, { recursive: true }).filter(
    (file) =>
      file.endsWith('.node') &&
      (!libc || !/\.(glibc|musl)\.node$/.test(file) || file.endsWith(`.${libc}.node`)),
  )
  if (files.length === 0) return null
  if (complete && system === 'linux') for (const file of files) wantOldSymbols(path.join(from, file))
  const into = path.join(folder, name)
  for (const file of files) {
    mkdirSync(path.dirname(path.join(into, file)), { recursive: true })
    renameSync(path.join(from, file), path.join(into, file))
  }
  for (const text of ['LICENSE', 'THIRD-PARTY-LICENSES'])
    copyFileSync(path.join(root, text), path.join(into, text))
  const { version, license, homepage, repository, bugs, engines } = manifest
  writeFileSync(
    path.join(into, 'README.md'),
    `# @qwen3guard/${name}\n\nThe binaries of [qwen3guard](https://www.npmjs.com/package/qwen3guard) for ${name}, which installs them by itself.\n`,
  )
  writeManifest(into, {
    name: `@qwen3guard/${name}`,
    version,
    description: `qwen3guard's binaries for ${name}`,
    license,
    homepage,
    repository,
    bugs,
    engines,
    os: [system],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
    // Yarn's PnP would leave it in an archive, from which no system loads a library.
    preferUnplugged: true,
  })
  return into
}

/**
 * Packs what is published into the folder: this package, and a package of binaries for each platform that has some in
 * prebuilds/. Returns the tarballs' paths, those of the platforms by name. `standIn` packs build/Release as this platform's
 * binary, in a clone that has none; `placeholders` packs text for platforms without any, for tests of an install; `complete` wants every platform of native/platforms.json; `whole` makes one tarball with
 * all binaries in it, for places without a registry.
 */
export function packPackages(
  into,
  { standIn = false, placeholders = false, complete = false, whole = false } = {},
) {
  const lacking = complete ? missingBinaries(path.join(root, 'prebuilds')) : []
  if (lacking.length > 0) throw new BuildError(`prebuilds lacks ${lacking.join(', ')}`)
  const folder = mkdtempSync(path.join(realpathSync(os.tmpdir()), 'qwen3guard-pack-'))
  try {
    const own = unpacked(folder, standIn)
    const { scripts, ...manifest } = JSON.parse(readFileSync(path.join(own, 'package.json'), 'utf8'))
    const listed = JSON.parse(readFileSync(platformList, 'utf8'))
    if (placeholders) writePlaceholders(own, listed)
    const platforms = {}
    for (const platform of whole ? [] : listed) {
      const made = platformFolder(own, path.join(folder, 'platforms'), platform, manifest, complete)
      if (made) platforms[platform.name] = packOne(made, into)
    }
    const names = Object.keys(platforms)
    if (names.length > 0) {
      rmSync(path.join(own, 'prebuilds'), { recursive: true })
      manifest.optionalDependencies = Object.fromEntries(
        names.map((name) => [`@qwen3guard/${name}`, manifest.version]),
      )
    } else if (!existsSync(path.join(own, 'prebuilds'))) manifest.scripts = { install: scripts.install }
    writeManifest(own, manifest)
    return { main: packOne(own, into), platforms }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  const { values, positionals } = parseArgs({
    options: {
      complete: { type: 'boolean' },
      placeholders: { type: 'boolean' },
      'stand-in': { type: 'boolean' },
      whole: { type: 'boolean' },
    },
    allowPositionals: true,
  })
  try {
    const { main, platforms } = packPackages(path.resolve(positionals[0] ?? '.'), {
      ...values,
      standIn: values['stand-in'],
    })
    for (const file of [...Object.values(platforms), main]) console.log(file)
  } catch (error) {
    if (!(error instanceof BuildError)) throw error
    console.error(`qwen3guard: ${error.message}`)
    process.exitCode = 1
  }
}
