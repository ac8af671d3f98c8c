// Packs this package and installs the tarball into an empty project, as without network and install scripts:
// `node scripts/packed-project.mjs FOLDER [--stand-in]` prints what it made as JSON.
//
// The dependencies come from node_modules, packed, and npm's cache is an empty folder. --stand-in packs build/Release as
// the prebuilt binary, in a clone that has none.
import { mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { npm } from './llama-source.mjs'
import { pack, packPackages } from './pack.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

const glibc = process.platform !== 'linux' || process.report.getReport().header.glibcVersionRuntime
const platform = `${process.platform}-${process.arch}${glibc ? '' : '-musl'}`

/** Folders of the packages that a user of this one gets, from the lockfile. */
function dependencies() {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'))
  return Object.entries(packages)
    .filter(
      ([name, { dev, optional, devOptional, peer }]) => name && !(dev || optional || devOptional || peer),
    )
    .map(([name]) => path.join(root, name))
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
  const { main: tarball, platforms } = packPackages(path.join(folder, 'packed'), { standIn })
  const own = platforms[platform] ? [platforms[platform]] : []
  const others = pack(dependencies(), path.join(folder, 'dependencies'))
  const project = path.join(folder, 'project')
  mkdirSync(project)
  writeFileSync(
    path.join(project, 'package.json'),
    '{ "name": "empty", "version": "1.0.0", "private": true }\n',
  )
  npm(
    ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', tarball, ...own, ...others],
    { cwd: project, env: { npm_config_cache: path.join(folder, 'cache') } },
    'The packed package could not be installed.',
  )
  return {
    tarball,
    platforms,
    project,
    env: bareEnvironment(folder),
    packages: 1 + own.length + others.length,
  }
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  const [folder] = process.argv.slice(2)
  console.log(JSON.stringify(packedProject(folder, { standIn: process.argv.includes('--stand-in') })))
}
