// Node's --permission (--experimental-permission before Node 22.13) gives a process no file, addon or child unless a flag does.

import { existsSync } from 'node:fs'

interface Permission {
  has(scope: string, reference?: string): boolean
}

/** Whether this process runs under --permission and may not read that file or folder. */
export function isReadDenied(file: string): boolean {
  const { permission } = process as { permission?: Permission }
  return permission !== undefined && !permission.has('fs.read', file)
}

/** Whether there is a file or folder, as far as this process may see: existsSync of Node 20 throws where it may not. */
export function isThere(file: string): boolean {
  return !isReadDenied(file) && existsSync(file)
}

/** The flags that let a process read what lies in these places and load this package's addon. */
export function flagsFor(...places: string[]): string {
  return ['--allow-addons', ...places.map((place) => `--allow-fs-read=${place}`)].join(' ')
}
