// Packs this package and installs the tarball into an empty project, as without network and install scripts:
// `node scripts/packed-project.mjs FOLDER [--stand-in]` prints what it made as JSON.
//
// The dependencies come from node_modules, packed, and npm's cache is an empty folder. --stand-in packs build/Release as
// the prebuilt binary, in a clone that has none.
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { npm } from './llama-source.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const prebuilds = path.join('prebuilds', `${process.platform}-${process.arch}`)

/** Packs folders; returns the tarballs' paths. */
function pack(folders, into) {
  mkdirSync(into, { recursive: true })
  const words = ['pack', '--ignore-scripts', '--silent', '--pack-destination', into, ...folders]
  npm(words, { cwd: into }, 'The packages could not be packed.')
  return readdirSync(into)
    .filter((name) => name.endsWith('.tgz'))
    .map((name) => path.join(into, name))
}

/** Folders of the packages that a user of this one gets, from the lockfile. */
function dependencies() {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'))
  return Object.entries(packages)
    .filter(
      ([name, { dev, optional, devOptional, peer }]) => name && !(dev || optional || devOptional || peer),
    )
    .map(([name]) => path.join(root, name))
}

function packThis(folder, standIn) {
  const [tarball] = pack([root], path.join(folder, 'packed'))
  if (!standIn || existsSync(path.join(root, prebuilds))) return tarball
  execFileSync('tar', ['-xzf', path.basename(tarball)], { cwd: path.dirname(tarball) })
  const unpacked = path.join(folder, 'packed', 'package')
  mkdirSync(path.join(unpacked, prebuilds), { recursive: true })
  copyFileSync(
    path.join(root, 'build', 'Release', 'qwen3guard.node'),
    path.join(unpacked, prebuilds, 'qwen3guard.node'),
  )
  return pack([unpacked], path.join(folder, 'stand-in'))[0]
}

/** An environment in which a program finds node and nothing else. */
function bareEnvironment(folder) {
  const bin = path.join(folder, 'bin')
  mkdirSync(bin)
  if (process.platform !== 'win32') symlinkSync(process.execPath, path.join(bin, 'node'))
  const { HOME, USERPROFILE, SystemRoot, TEMP, TMPDIR } = process.env
  const PATH = process.platform === 'win32' ? path.dirname(process.execPath) : bin
  return { HOME, USERPROFILE, SystemRoot, TEMP, TMPDIR, PATH }
}

/**
 * Leaves the tarball and an installed project in `folder`. `env` is the environment without tools, for programs that
 * are to run in the project.
 */
export function packedProject(folder, { standIn = false } = {}) {
  folder = realpathSync(folder)
  const tarball = packThis(folder, standIn)
  const others = pack(dependencies(), path.join(folder, 'dependencies'))
  const project = path.join(folder, 'project')
  mkdirSync(project)
  writeFileSync(
    path.join(project, 'package.json'),
    '{ "name": "empty", "version": "1.0.0", "private": true }\n',
  )
  npm(
    ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', tarball, ...others],
    { cwd: project, env: { npm_config_cache: path.join(folder, 'cache') } },
    'The packed package could not be installed.',
  )
  return { tarball, project, env: bareEnvironment(folder), packages: 1 + others.length }
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  const [folder] = process.argv.slice(2)
  console.log(JSON.stringify(packedProject(folder, { standIn: process.argv.includes('--stand-in') })))
}
