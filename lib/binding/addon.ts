import { readdirSync } from 'node:fs'
import path from 'node:path'
import { AddonLoadError } from '../errors.js'
import type { NativeBinding } from './binding.js'
import { type Flavour, flavoursFor, flavoursToTry, forcedFlavour, lacking } from './flavours.js'
import { packageAdvice, situation, systemAdvice } from './load-advice.js'
import { BUNDLE_MENDING, BUNDLER_SETTINGS, dependencyPath, packageRoot, requireFile } from './package-root.js'
import { flagsFor, isReadDenied, isThere } from './permission.js'
import { installedPackage, libc, ownVersion, platformName, platformPackage } from './platform-package.js'
import { faultAtLoad } from './proof.js'

/** The native addon as it was loaded. */
export interface Addon {
  binding: NativeBinding
  path: string
  /** Name of the prebuilt flavour; null for a build from source, whose `systemInfo()` names its own. */
  flavour: string | null
  /** What was tried before and did not load. */
  tried: Attempt[]
}

/** A file or folder that gave no addon. */
export interface Attempt {
  path: string
  reason: string
  /** Whether this process may load no addons at all. */
  disabled?: boolean
}

const PLATFORM = `${process.platform}-${process.arch}`

// node-gyp-build reads what a binary is for off the name that prebuildify gave it. Its `path` is not used: it knows one
// binary for a platform, and a source build always hides that one. Loaded late: a bundle may lack it, and need it not.
interface BinaryNames {
  parseTags(name: string): { file: string; libc?: string } | undefined
  matchTags(
    runtime: string,
    abi: string,
  ): (tags: { file: string; libc?: string | undefined } | undefined) => boolean
}

/**
 * Loads the addon: a source build in build/Release, else the fastest prebuilt flavour that this CPU runs, of this package's own
 * prebuilds or of the platform's package (`@qwen3guard/linux-x64`). What was never run
 * on this CPU is tried in a child process first.
 *
 * `QWEN3GUARD_CPU` names one flavour, prebuilt or else built from source. node-gyp-build's `PREBUILDS_ONLY` passes a source
 * build over; `QWEN3GUARD_PREBUILD`, its too, names a folder that holds `build` or `prebuilds` in place of the package's own.
 *
 * @throws AddonLoadError that names the platform, what was tried, why each failed and how to mend it
 */
export function loadAddon(): Addon {
  const { QWEN3GUARD_CPU, QWEN3GUARD_PREBUILD, PREBUILDS_ONLY } = process.env
  const { folder, lost } = packageRoot()
  const root = QWEN3GUARD_PREBUILD || folder
  const flavours = flavoursFor(process.platform, process.arch)
  const forced = forcedFlavour(flavours, QWEN3GUARD_CPU)
  const tried: Attempt[] = []
  const source = forced || PREBUILDS_ONLY ? undefined : sourceBuild(root, tried)
  const found =
    source ??
    prebuilt(path.join(root, 'prebuilds', PLATFORM), flavours, forced, tried) ??
    // A folder that is named is asked alone.
    (QWEN3GUARD_PREBUILD ? undefined : packaged(flavours, forced, tried)) ??
    (forced && !PREBUILDS_ONLY ? sourceBuild(root, tried, forced.name) : undefined)
  if (found) return { ...found, tried }
  if (tried.some(({ disabled }) => disabled)) {
    throw new AddonLoadError(
      `Node was told to load no native addons, and this package is one: start it without --no-addons or, under --permission, with ${flagsFor(folder)} too.`,
    )
  }
  if (tried.every(({ path: file }) => isReadDenied(file))) {
    throw new AddonLoadError(
      `Node's --permission keeps this process from reading the native addon: start it with ${flagsFor(...new Set([folder, root]))} too.`,
    )
  }
  throw new AddonLoadError(
    [
      `the native addon could not be loaded on ${PLATFORM}, Node ${process.version}.`,
      ...tried.map(({ path: file, reason }) => `  tried:  ${file}\n          ${reason}`),
      ...(lost
        ? [
            `  bundle: ${BUNDLE_MENDING},`,
            '          or name the folder that holds `build` or `prebuilds` in QWEN3GUARD_PREBUILD.',
            ...BUNDLER_SETTINGS.map((line) => `          ${line}`),
          ]
        : [
            ...advice(QWEN3GUARD_PREBUILD, tried),
            '  mend:   build it from source with `npx qwen3guard build` or,',
            `          by hand, \`node ${path.join(folder, 'scripts', 'build.mjs')}\`;`,
            '          that needs a C++17 compiler, cmake 3.21 or newer, git, and once the npm registry.',
          ]),
    ].join('\n'),
  )
}

let loaded: Addon | undefined

/** The addon that is in use, loaded if it is not yet. Throws as {@link loadBinding} does. */
export function addon(): Addon {
  loaded ??= loadAddon()
  return loaded
}

/**
 * The native addon, loaded once: a source build before a prebuilt binary for this CPU.
 *
 * @throws AddonLoadError that names the platform, what was tried and how to mend it
 */
export function loadBinding(): NativeBinding {
  return addon().binding
}

/** The source build, where `wanted` is given only if it is of that flavour. */
function sourceBuild(root: string, tried: Attempt[], wanted?: string): Omit<Addon, 'tried'> | undefined {
  const file = path.join(root, 'build', 'Release', 'qwen3guard.node')
  const binding = open(file, tried)
  if (!binding) return undefined
  // Compiled for the CPU it was built on, which need not be this one: an image is built here and run there.
  const sets = instructionSetsOf(binding)
  if (!sets) {
    tried.push({ path: file, reason: 'it was built from another version of this package' })
    return undefined
  }
  const missing = lacking(sets.build, sets.cpu)
  if (missing.length > 0) {
    tried.push({
      path: file,
      reason: `it was built for a CPU with ${missing.join(', ')}, which this one lacks`,
    })
    return undefined
  }
  if (!isSound(file, sets.cpu, tried)) return undefined
  const { flavour } = wanted === undefined ? { flavour: undefined } : binding.systemInfo()
  if (flavour === wanted) return { binding, path: file, flavour: null }
  tried.push({ path: file, reason: `it is of flavour ${flavour}` })
  return undefined
}

/** Lines for the message. Of a folder that was named no package manager knows: only what lies at the system is said then. */
function advice(named: string | undefined, tried: readonly Attempt[]): string[] {
  const facts = situation()
  const ofSystem = systemAdvice(facts, tried)
  const lines = ofSystem.length > 0 || named ? ofSystem : packageAdvice(facts)
  return lines.map((line, index) => `  ${index === 0 ? 'mend:  ' : '       '} ${line}`)
}

/** The binary of the platform's package. */
function packaged(
  flavours: readonly Flavour[],
  forced: Flavour | undefined,
  tried: Attempt[],
): Omit<Addon, 'tried'> | undefined {
  const name = platformPackage(platformName())
  const installed = installedPackage(name)
  if (!installed) {
    tried.push({ path: name, reason: 'not installed' })
    return undefined
  }
  const version = ownVersion()
  if (version !== null && installed.version !== version) {
    tried.push({ path: installed.folder, reason: `it is version ${installed.version}, not ${version}` })
    return undefined
  }
  return prebuilt(installed.folder, flavours, forced, tried)
}

function prebuilt(
  folder: string,
  flavours: readonly Flavour[],
  forced: Flavour | undefined,
  tried: Attempt[],
): Omit<Addon, 'tried'> | undefined {
  const name = binaryIn(folder)
  if (!name) {
    tried.push({ path: folder, reason: absent(folder) })
    return undefined
  }
  const slowest = flavours.at(-1)!
  const fileOf = (flavour: Flavour) => path.join(folder, flavour === slowest ? '' : flavour.name, name)

  // Only a binary can say what the CPU has, on every system; this one can be loaded on all of them.
  const probe = open(fileOf(slowest), tried)
  if (!probe) return undefined
  const { cpu } = probe.instructionSets()
  for (const flavour of flavoursToTry(flavours, cpu, forced)) {
    const binding = open(fileOf(flavour), tried)
    if (binding && isSound(fileOf(flavour), cpu, tried))
      return { binding, path: fileOf(flavour), flavour: flavour.name }
  }
  const missing = lacking(slowest.needs, cpu)
  if (missing.length > 0) {
    tried.push({ path: fileOf(slowest), reason: `this CPU lacks ${missing.join(', ')}` })
  }
  return undefined
}

/** Whether a binary passes its trial here, or has; otherwise the reason is added to `tried`. */
function isSound(file: string, cpu: readonly string[], tried: Attempt[]): boolean {
  const fault = faultAtLoad(file, cpu)
  if (fault !== null) tried.push({ path: file, reason: fault })
  return fault === null
}

/** Null of a build that is older than the question. */
function instructionSetsOf(binding: Partial<NativeBinding>) {
  return binding.instructionSets?.() ?? null
}

/** Name of the binary for this platform's C library in a folder that prebuildify filled. */
function binaryIn(folder: string): string | undefined {
  if (!isThere(folder)) return undefined
  const { parseTags, matchTags } = requireFile(dependencyPath('node-gyp-build')) as BinaryNames
  const fits = matchTags('node', process.versions.modules)
  const own = libc()
  return filesIn(folder)
    .map((name) => parseTags(name))
    .filter((tags) => tags?.libc === undefined || tags.libc === own)
    .find((tags) => fits(tags && { ...tags, libc: undefined }))?.file
}

function filesIn(folder: string): string[] {
  return isThere(folder) ? readdirSync(folder) : []
}

/** The addon in that file, or undefined with the reason added to `tried`. */
function open(file: string, tried: Attempt[]): NativeBinding | undefined {
  try {
    return requireFile(file) as NativeBinding
  } catch (error) {
    const [line] = (error instanceof Error ? error.message : String(error)).split('\n')
    const { code } = error as NodeJS.ErrnoException
    const disabled = code === 'ERR_DLOPEN_DISABLED'
    tried.push({
      path: file,
      reason: isThere(file) ? line! : absence(file),
      ...(disabled && { disabled }),
    })
    return undefined
  }
}

function absence(place: string): string {
  return isReadDenied(place) ? 'this process may not read it (--permission)' : 'not there'
}

/** Why a folder has no binary, with what it or the one above has instead: of another C library or platform. */
function absent(folder: string): string {
  if (isThere(folder)) return `none for this C library; it holds ${filesIn(folder).join(', ') || 'nothing'}`
  if (isReadDenied(folder)) return absence(folder)
  const others = filesIn(path.dirname(folder))
  return others.length > 0 ? `not there; there is ${others.join(', ')}` : 'not there'
}
