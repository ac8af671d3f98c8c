import { statfs } from 'node:fs/promises'
import path from 'node:path'
import { DiskSpaceError } from './errors.js'

/** A full disk, and a user's share of one. */
const FULL = new Set(['ENOSPC', 'EDQUOT'])

/**
 * What to throw where writing `file` failed: the system's error does not name it, and has no room in it. To be called before what
 * was written is removed, which makes room.
 */
export async function writeError(file: string, error: unknown): Promise<unknown> {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  if (code === undefined || !FULL.has(code)) return error
  const free = await statfs(path.dirname(file)).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  )
  return new DiskSpaceError(
    null,
    free,
    `${file} could not be written to its end: its disk is full (${code}; ${Math.floor(free / 1024)} KiB free). Make room there, or write to another disk, and begin or go on again`,
    { cause: error },
  )
}

/** What `write` resolves to. @throws DiskSpaceError that names `file` where its disk is full; else what `write` throws */
export async function naming<T>(file: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    throw await writeError(file, error)
  }
}
