// The packages that hold this package's binaries, one for a platform: optional dependencies of the published package, of which
// package managers install the one that fits. native/platforms.json lists them.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { packageRoot, requireFile } from './package-root.js'
import { isThere } from './permission.js'

export type Libc = 'glibc' | 'musl'

/** An entry of native/platforms.json. */
export interface Platform {
  /** `linux-x64-musl`; its package is `@qwen3guard/linux-x64-musl`. */
  name: string
  os: string
  cpu: string
  /** On Linux alone. */
  libc?: Libc
}

/** A package that is installed. */
export interface InstalledPackage {
  folder: string
  version: string
}

/** C library of this process, null but on Linux. `LIBC`, as node-gyp-build reads it, goes before what is found. */
export function libc(): Libc | null {
  if (process.platform !== 'linux') return null
  if (process.env.LIBC === 'musl' || process.env.LIBC === 'glibc') return process.env.LIBC
  if (isThere('/etc/alpine-release')) return 'musl'
  return glibcVersion() === null && isThere(muslLinker()) ? 'musl' : 'glibc'
}

/** Version of glibc that this process runs on, or null. */
export function glibcVersion(): string | null {
  const { report } = process as { report?: NodeJS.ProcessReport & { excludeNetwork?: boolean } }
  if (process.platform !== 'linux' || !report?.getReport) return null
  const before = report.excludeNetwork
  // It would ask for the names of the hosts that sockets are connected to.
  report.excludeNetwork = true
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } }
    return header?.glibcVersionRuntime ?? null
  } catch {
    return null
  } finally {
    report.excludeNetwork = before ?? false
  }
}

function muslLinker(): string {
  const arch = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string] ?? process.arch
  return `/lib/ld-musl-${arch}.so.1`
}

/** Name of this platform, whether or not there are binaries for it. */
export function platformName(): string {
  return `${process.platform}-${process.arch}${libc() === 'musl' ? '-musl' : ''}`
}

/** The platforms with binaries, or none beside a bundle that has but the addon. */
export function publishedPlatforms(): Platform[] {
  const file = path.join(packageRoot().folder, 'native', 'platforms.json')
  return isThere(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Platform[]) : []
}

/** The package that holds that platform's binaries. */
export function platformPackage(name: string): string {
  return `@qwen3guard/${name}`
}

/** Version of this package, or null in a bundle that lost it. */
export function ownVersion(): string | null {
  return manifestIn(packageRoot().folder)?.version ?? null
}

/** Where a package is installed, as this package or the program that runs sees it; undefined if it is not. */
export function installedPackage(name: string): InstalledPackage | undefined {
  // An application's own dependency need not be visible from this package (pnpm): its program's folder is asked as well.
  const program = process.argv[1]
  for (const from of [requireFile, ...(program ? [createRequire(path.resolve(program))] : [])]) {
    try {
      const folder = path.dirname(from.resolve(`${name}/package.json`))
      return { folder, version: manifestIn(folder)?.version ?? 'unknown' }
    } catch {
      // Not installed.
    }
  }
  return undefined
}

/** Names of the platforms whose packages are installed, this one's or not. */
export function installedPlatforms(): string[] {
  return publishedPlatforms()
    .map(({ name }) => name)
    .filter((name) => installedPackage(platformPackage(name)))
}

function manifestIn(folder: string): { version?: string } | null {
  try {
    return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version?: string }
  } catch {
    return null
  }
}
