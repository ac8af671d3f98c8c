// Patterns of file names with `*`, `**`, `?`, `[…]` and `{a,b}`.
import path, { type PlatformPath } from 'node:path'

/** Whether a name, or a part of one, may be a pattern. */
export function isPattern(name: string): boolean {
  return /[*?[{]/.test(name)
}

/**
 * Where a pattern begins, and what is to be matched below, folder by folder. On Windows the root may be a drive, a share or
 * `\\?\C:\`, and both slashes separate.
 *
 * @param system `path.posix` or `path.win32`, if not this system's
 */
export function partsOf(pattern: string, system: PlatformPath = path): { root: string; segments: string[] } {
  const { root } = system.parse(pattern)
  const segments = pattern.slice(root.length).split(system.sep === '\\' ? /[\\/]/ : '/')
  // `D:` alone is the drive's top folder to the calls that read one, and here its current one.
  const from = /^[a-z]:$/i.test(root) ? `${root}.` : root
  return { root: from, segments: segments.filter((segment) => segment !== '' && segment !== '.') }
}

/** A regular expression of names, for one part of a pattern. Windows' names have no case. */
export function matcher(segment: string, system: PlatformPath = path): RegExp {
  let depth = 0
  const source = segment.replace(/\[!?[^\]]+\]|[\s\S]/gu, (part) => {
    if (part.length > 1 && part.startsWith('[')) return part.replace(/^\[!/, '[^').replace(/\\/g, '\\\\')
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    if (part === '{') {
      depth += 1
      return '(?:'
    }
    if (part === '}' && depth > 0) {
      depth -= 1
      return ')'
    }
    if (part === ',' && depth > 0) return '|'
    return part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
  })
  return new RegExp(`^${source}${')'.repeat(depth)}$`, system === path.win32 ? 'sui' : 'su')
}
