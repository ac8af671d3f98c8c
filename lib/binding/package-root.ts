import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Address of this code: of the bundle's file where a bundler has put it into one, CommonJS included. */
const here =
  import.meta.url ??
  (typeof __filename === 'string' ? pathToFileURL(__filename).href : pathToFileURL(process.cwd()).href)

// Asked for at run time: bundlers put calls of their own in the place of an imported one.
const { createRequire } = process.getBuiltinModule('node:module')

/** `require` of files by their path. */
export const requireFile = createRequire(here)

/** Path of a dependency's main file: from where this code is or, in a bundle, from the package. @throws if it is not there */
export function dependencyPath(name: string): string {
  try {
    return requireFile.resolve(name)
  } catch {
    return createRequire(path.join(packageRoot().folder, 'package.json')).resolve(name)
  }
}

/** This package's folder. */
export interface PackageRoot {
  folder: string
  /** This code is in a bundle, and the package was not found: `folder` is not it. */
  lost: boolean
}

let found: PackageRoot | undefined

/**
 * The folder that has this package's addon, models and data. Code in a bundle looks for the package beside the
 * bundle, beside the program that runs and in the working directory.
 */
export function packageRoot(): PackageRoot {
  found ??= find()
  return found
}

function find(): PackageRoot {
  const own = path.dirname(path.dirname(path.dirname(fileURLToPath(here))))
  if (isThisPackage(own)) return { folder: own, lost: false }
  for (const place of [here, process.argv[1], path.join(process.cwd(), 'bundle.js')]) {
    if (place === undefined) continue
    try {
      const manifest = createRequire(place).resolve('qwen3guard/package.json')
      return { folder: path.dirname(manifest), lost: false }
    } catch {
      // Not there: the next place.
    }
  }
  return { folder: own, lost: true }
}

function isThisPackage(folder: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
    return (manifest as { name?: unknown }).name === 'qwen3guard'
  } catch (error) {
    // Under --permission what may not be read is here all the same.
    return (error as NodeJS.ErrnoException).code === 'ERR_ACCESS_DENIED'
  }
}

/** What to do about a bundle that lacks a file of this package, to end a message with. */
export const BUNDLE_MENDING =
  'This code was bundled, and the package is not beside it: leave `qwen3guard` out of the bundle (`external`, in Next `serverExternalPackages`) and install it where the bundle runs'

/** The same, by bundler, in lines. */
export const BUNDLER_SETTINGS: readonly string[] = [
  "Next:     serverExternalPackages: ['qwen3guard'] in next.config",
  "webpack:  externals: { qwen3guard: 'commonjs qwen3guard' } ('module qwen3guard' for ES modules)",
  'esbuild:  --external:qwen3guard',
  "rollup:   external: ['qwen3guard']",
  "Vite:     ssr: { external: ['qwen3guard'] }, and build: { rollupOptions: { external: ['qwen3guard'] } }",
]
