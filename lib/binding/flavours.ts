import { readFileSync } from 'node:fs'
import path from 'node:path'
import { AddonLoadError } from '../errors.js'
import { packageRoot } from './package-root.js'
import { isThere } from './permission.js'

/** A build for CPUs with certain instruction sets. */
export interface Flavour {
  name: string
  /** In the spelling of Linux's /proc/cpuinfo; what the flavours that it is built upon need is included. */
  needs: string[]
}

/** An entry of native/flavours.json. */
interface Listed extends Flavour {
  /** Name of the flavour that it is built upon. */
  over?: string
  /** Platforms that have it. Default: all. */
  os?: string[]
}

/** Where a platform has one binary only. */
const PORTABLE: Flavour = { name: 'portable', needs: [] }

/** The flavours of prebuilt binaries for a platform, fastest first (native/flavours.json). */
export function flavoursFor(platform: string, arch: string): Flavour[] {
  const file = path.join(packageRoot().folder, 'native', 'flavours.json')
  // Not there beside a bundle that has but the addon.
  const listed: Record<string, Listed[]> = isThere(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const all = listed[`${platform}-${arch}`] ?? listed[arch] ?? [PORTABLE]
  const flavours = all.filter(({ os }: Listed) => os?.includes(platform) ?? true)
  const needsOf = ({ needs, over }: Listed): string[] => {
    const below = flavours.find(({ name }) => name === over)
    return below ? [...needs, ...needsOf(below)] : needs
  }
  return flavours.map((flavour) => ({ name: flavour.name, needs: needsOf(flavour) }))
}

/** The instruction sets of `needs` that a CPU with `cpu` lacks. */
export function lacking(needs: readonly string[], cpu: readonly string[]): string[] {
  return needs.filter((name) => !cpu.includes(name))
}

/**
 * The flavour that `QWEN3GUARD_CPU` names, or undefined if it is not set.
 *
 * @throws AddonLoadError if this platform has none of that name
 */
export function forcedFlavour(flavours: readonly Flavour[], name: string | undefined): Flavour | undefined {
  if (!name) return undefined
  const forced = flavours.find((flavour) => flavour.name === name)
  if (forced) return forced
  throw new AddonLoadError(`expected QWEN3GUARD_CPU to be ${either(flavours)}, got '${name}'`)
}

/**
 * The flavours to try on a CPU, in order: those it runs, fastest first, or the forced one alone.
 *
 * @throws AddonLoadError if it cannot run the forced one
 */
export function flavoursToTry(
  flavours: readonly Flavour[],
  cpu: readonly string[],
  forced: Flavour | undefined,
): Flavour[] {
  const runs = flavours.filter(({ needs }) => lacking(needs, cpu).length === 0)
  if (forced && !runs.includes(forced)) {
    throw new AddonLoadError(
      `QWEN3GUARD_CPU=${forced.name} needs ${lacking(forced.needs, cpu).join(', ')}, which this CPU or its operating system lacks. ` +
        (runs.length > 0 ? `What runs here: ${either(runs)}` : 'No prebuilt flavour runs here'),
    )
  }
  return forced ? [forced] : runs
}

function either(flavours: readonly Flavour[]): string {
  return flavours
    .map(({ name }) => name)
    .join(', ')
    .replace(/, ([^,]*)$/, ' or $1')
}
