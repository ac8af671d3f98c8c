import path, { type PlatformPath } from 'node:path'

/** Characters that Windows' own calls take; a folder's name gets fewer. */
const LONGEST = 247

/**
 * A file's path for the addon, which opens it itself: on Windows a long one in the form that has no limit, as Node.js
 * spells every path for itself.
 */
export function nativePath(file: string, system: PlatformPath = path): string {
  if (system.sep !== '\\') return file
  const whole = system.resolve(file)
  return whole.length > LONGEST ? system.toNamespacedPath(whole) : file
}
