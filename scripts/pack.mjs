// Makes the tarball that is published: `node scripts/pack.mjs [FOLDER]`. `npm publish FILE.tgz` takes its manifest from it.
//
// With binaries in prebuilds/ its manifest has no scripts: package managers that run none would refuse the package, or ask,
// for a build that nobody needs. Without any the install script stays, and builds from source.

import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { npm } from './llama-source.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
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

/**
 * Packs this package into the folder; returns the tarball's path. `standIn` packs build/Release as the prebuilt binary, in a
 * clone that has none.
 */
export function packPackage(into, { standIn = false } = {}) {
  const folder = mkdtempSync(path.join(realpathSync(os.tmpdir()), 'qwen3guard-pack-'))
  try {
    const [raw] = pack([root], path.join(folder, 'raw'))
    execFileSync('tar', ['-xzf', path.basename(raw)], { cwd: path.dirname(raw) })
    const unpacked = path.join(folder, 'raw', 'package')
    if (standIn && !existsSync(path.join(unpacked, ownBinaries))) {
      mkdirSync(path.join(unpacked, ownBinaries), { recursive: true })
      copyFileSync(
        path.join(root, 'build', 'Release', 'qwen3guard.node'),
        path.join(unpacked, ownBinaries, 'qwen3guard.node'),
      )
    }
    const file = path.join(unpacked, 'package.json')
    const { scripts, ...manifest } = JSON.parse(readFileSync(file, 'utf8'))
    const prebuilt = existsSync(path.join(unpacked, 'prebuilds'))
    if (!prebuilt) manifest.scripts = { install: scripts.install }
    writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`)
    const [tarball] = pack([unpacked], path.join(folder, 'packed'))
    mkdirSync(into, { recursive: true })
    const target = path.join(into, path.basename(tarball))
    copyFileSync(tarball, target)
    return target
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  console.log(packPackage(path.resolve(process.argv[2] ?? '.')))
}
