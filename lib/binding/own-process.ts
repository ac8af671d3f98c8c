// What the trials of addons and drivers need to start one of this package's programs in a process of its own.
import path from 'node:path'
import { packageRoot } from './package-root.js'
import { isThere } from './permission.js'

/** A compiled program of this package, also where this code runs from source under a test runner or in a bundle. */
export function programPath(name: string): string {
  return path.join(packageRoot().folder, 'dist', `${name}.js`)
}

/** Without flags of the application's own: a debugger's port or a preloaded module is not for the program. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...env } = process.env
  return { ...env, ELECTRON_RUN_AS_NODE: '1' }
}

/** Why no process can be started for a program, or null. */
export function cannotStart(program: string): string | null {
  if (!isThere(program)) return `${program} is not there`
  // Anything else would start the application again.
  const { electron, bun } = process.versions
  const isNode = /^node(js)?[\d.-]*(\.exe)?$/i.test(path.basename(process.execPath))
  if (!isNode && !electron && !bun) return `${process.execPath} is no Node`
  const { permission } = process as { permission?: { has(scope: string): boolean } }
  if (permission && !permission.has('child')) return 'this process may start no other'
  return null
}
