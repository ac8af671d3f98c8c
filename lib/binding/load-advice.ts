// What to do about an addon that did not load: the exact line for each case.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { packageRoot } from './package-root.js'
import { isThere } from './permission.js'
import {
  glibcVersion,
  type InstalledPackage,
  installedPackage,
  installedPlatforms,
  libc,
  ownVersion,
  type Platform,
  platformName,
  platformPackage,
  publishedPlatforms,
} from './platform-package.js'

/** What is known of the system and of what is installed; read by {@link situation}. */
export interface Situation {
  /** This system: `linux-x64-musl`. */
  name: string
  /** The entry of native/platforms.json for it, if binaries are published. */
  published: Platform | undefined
  /** Version of this package. */
  version: string
  /** The platform's package, if it is installed. */
  installed: InstalledPackage | undefined
  /** Platforms whose packages are installed. */
  others: string[]
  manager: 'npm' | 'pnpm' | 'yarn' | 'yarn 1' | 'bun' | 'deno' | null
  /** Whether the lock file names the platform's package; null if there is none that can be read. */
  locked: boolean | null
  glibc: string | null
}

/** Reasons of what was tried, as far as they choose the advice. */
export interface Failure {
  path: string
  reason: string
}

export function situation(): Situation {
  const name = platformName()
  const modules = nearestModules()
  return {
    name,
    published: publishedPlatforms().find((platform) => platform.name === name),
    version: ownVersion() ?? 'latest',
    installed: installedPackage(platformPackage(name)),
    others: installedPlatforms().filter((other) => other !== name),
    manager: modules === null ? managerWithoutModules() : managerOf(modules),
    locked: modules === null ? null : isLocked(modules, platformPackage(name)),
    glibc: libc() === 'glibc' ? glibcVersion() : null,
  }
}

/** Lines that say what is wrong with the system or where the binary lies, and what to run; empty if neither is to blame. */
export function systemAdvice(facts: Situation, tried: readonly Failure[]): string[] {
  const reasons = tried.map(({ reason }) => reason).join('\n')
  if (tried.some(({ path: file }) => /[\\/]app\.asar[\\/]/.test(file)))
    return [
      'the package is inside an asar archive, from which no system loads a library: set',
      '`asarUnpack: ["node_modules/qwen3guard/**", "node_modules/@qwen3guard/**"]` and pack the application anew.',
    ]
  const wantedGlibc = /version [`']GLIBC_([\d.]+)' not found/.exec(reasons)?.[1]
  if (wantedGlibc)
    return [
      `the binary needs glibc ${wantedGlibc}, and this system has ${facts.glibc ?? 'an older one'}: take a newer image or distribution`,
      '(Debian 10, Ubuntu 18.10, RHEL 8 and newer have 2.28), or build from source here.',
    ]
  const lacks = /this CPU lacks ([^\n]*)/.exec(reasons)?.[1]
  if (lacks)
    return [
      `no binary runs on a CPU without ${lacks}. In a virtual machine pass the host's CPU on (QEMU: \`-cpu host\`; Proxmox, libvirt:`,
      'CPU type `host`). Otherwise build for this very CPU:',
      '`QWEN3GUARD_CMAKE="-DGGML_NATIVE=ON" npx qwen3guard build`',
    ]
  return []
}

/** Lines that say what is wrong with what was installed, and what to run. */
export function packageAdvice(facts: Situation): string[] {
  const { name, published, installed, version } = facts
  if (!published)
    return [`there are no binaries for ${name}: there are for ${publishedNames() || 'no platform'}.`]
  if (installed && installed.version !== version)
    return [
      `${platformPackage(name)} is version ${installed.version}, and qwen3guard ${version}; both must be the same:`,
      `\`${addLine(facts)}\``,
    ]
  if (installed)
    return [
      `${platformPackage(name)} is installed, but not whole. Remove it and install it again:`,
      `\`${addLine(facts)}\` after deleting ${installed.folder}`,
      'If a bundler or a script copies node_modules, let it copy that folder with its `.node` files.',
    ]
  return missing(facts, published)
}

function missing(facts: Situation, platform: Platform): string[] {
  const { name, others, locked, manager, version } = facts
  const why =
    others.length > 0
      ? `node_modules was installed for ${others.join(', ')}, and this is ${name}. Do not copy node_modules between systems (in Docker put it into .dockerignore); install here:`
      : locked === false
        ? `the lock file does not name ${platformPackage(name)}: it was made on another system, or without optional dependencies. Add it:`
        : `${platformPackage(name)} is not installed: optional dependencies were left out (--omit=optional, --no-optional), or a cache or image dropped them. Install it:`
  const lines = [why, `\`${addLine(facts)}\``]
  const flags = `--os=${platform.os} --cpu=${platform.cpu}${platform.libc ? ` --libc=${platform.libc}` : ''}`
  if (manager === 'npm' || manager === null)
    lines.push(`On another system than this, for this one: \`npm install ${flags} qwen3guard@${version}\``)
  if (manager === 'pnpm')
    lines.push(
      `On another system, for this one: \`pnpm install ${flags}\`, or supportedArchitectures in pnpm-workspace.yaml`,
    )
  if (manager === 'yarn')
    lines.push('On another system, for this one: supportedArchitectures in .yarnrc.yml, then `yarn install`')
  return lines
}

/** The line that makes this platform's package a dependency of the application, which no lock file and no --omit leaves out. */
function addLine({ manager, name, version }: Situation): string {
  const wanted = `${platformPackage(name)}@${version}`
  switch (manager) {
    case 'pnpm':
      return `pnpm add ${wanted}`
    case 'yarn':
    case 'yarn 1':
      return `yarn add ${wanted}`
    case 'bun':
      return `bun add ${wanted}`
    case 'deno':
      return `deno add npm:${wanted}`
    default:
      return `npm install ${wanted}`
  }
}

function publishedNames(): string {
  return publishedPlatforms()
    .map(({ name }) => name)
    .join(', ')
}

/** The outermost node_modules that this package is in, where managers leave their notes; null in a clone. */
function nearestModules(): string | null {
  const { folder } = packageRoot()
  const at = folder.indexOf(`${path.sep}node_modules${path.sep}`)
  return at < 0 ? null : path.join(folder.slice(0, at), 'node_modules')
}

/** Deno runs packages from its cache. */
function managerWithoutModules(): Situation['manager'] {
  return process.versions.deno === undefined ? null : 'deno'
}

function managerOf(modules: string): Situation['manager'] {
  const has = (...names: string[]) => names.some((name) => isThere(path.join(modules, name)))
  if (has('.modules.yaml', '.pnpm')) return 'pnpm'
  if (has('.deno')) return 'deno'
  if (has('.yarn-state.yml')) return 'yarn'
  if (has('.yarn-integrity')) return 'yarn 1'
  if (has('../bun.lock', '../bun.lockb')) return 'bun'
  return has('.package-lock.json') ? 'npm' : null
}

function isLocked(modules: string, name: string): boolean | null {
  const project = path.dirname(modules)
  for (const file of ['package-lock.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'deno.lock']) {
    try {
      return readFileSync(path.join(project, file), 'utf8').includes(name)
    } catch {
      // Another manager's, or none.
    }
  }
  return null
}
