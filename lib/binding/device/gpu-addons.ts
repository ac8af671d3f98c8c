import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { BackendError } from '../../errors.js'
import type { NativeBinding } from '../binding.js'
import { packageRoot, requireFile } from '../package-root.js'
import { isThere } from '../permission.js'

export type GpuBackend = 'cuda' | 'metal' | 'vulkan'

/** The order in which `gpu: 'auto'` tries them. */
export const GPU_BACKENDS: readonly GpuBackend[] = ['cuda', 'metal', 'vulkan']

/**
 * An addon with GPU back ends. It is a whole addon of its own, so that the CPU's links no GPU library and a process
 * that wants no GPU never opens one.
 */
export interface GpuAddon {
  path: string
  backends: GpuBackend[]
}

/** Packages with GPU addons, by the back ends in them. */
const PACKAGED = ['cuda', 'cuda-vulkan', 'metal', 'vulkan']

/** Name of the package that holds such an addon for this platform. */
export function packageOf(backend: string): string {
  return `@qwen3guard/${backend}-${process.platform}-${process.arch}`
}

/**
 * The GPU addons that were built here (`npx qwen3guard build --gpu vulkan`) or installed (`@qwen3guard/vulkan-linux-x64`), source
 * builds first. Opens none of them. `QWEN3GUARD_PREBUILD` and `PREBUILDS_ONLY` mean here what they mean for the CPU's.
 */
export function findGpuAddons(): GpuAddon[] {
  const { PREBUILDS_ONLY, QWEN3GUARD_PREBUILD } = process.env
  const built = PREBUILDS_ONLY
    ? []
    : builtIn(path.join(QWEN3GUARD_PREBUILD || packageRoot().folder, 'build', 'Release'))
  return [...built, ...PACKAGED.flatMap(installed)]
}

function builtIn(release: string): GpuAddon[] {
  if (!isThere(release)) return []
  return readdirSync(release)
    .sort()
    .map((name) => ({
      path: path.join(release, name, 'qwen3guard.node'),
      backends: backendsIn(name.split('+')),
    }))
    .filter(({ path: file, backends }) => backends.length > 0 && isThere(file))
}

function installed(name: string): GpuAddon[] {
  // An application's own dependency need not be visible from this package (pnpm): its program's folder is asked as well.
  const program = process.argv[1]
  for (const from of [requireFile, ...(program ? [createRequire(path.resolve(program))] : [])]) {
    try {
      const folder = path.dirname(from.resolve(`${packageOf(name)}/package.json`))
      const file = path.join(folder, 'qwen3guard.node')
      if (isThere(file)) return [{ path: file, backends: backendsIn(name.split('-')) }]
    } catch {
      // Not installed.
    }
  }
  return []
}

function backendsIn(names: readonly string[]): GpuBackend[] {
  const known = GPU_BACKENDS.filter((backend) => names.includes(backend))
  return known.length === names.length ? known : []
}

/**
 * Opens a GPU addon in this process. Only for one that a probe has found sound: its libraries are loaded here.
 *
 * @throws BackendError with the dynamic linker's reason
 */
export function openGpuAddon({ path: file, backends }: GpuAddon): NativeBinding {
  try {
    return requireFile(file) as NativeBinding
  } catch (error) {
    throw new BackendError(
      `${file}, the addon with ${backends.join(' and ')}, does not load: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    )
  }
}
