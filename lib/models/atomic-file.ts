import { randomBytes } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { naming, writeError } from '../full-disk.js'
import { removeFile, renameFile } from '../held-files.js'

/**
 * Writes a file that appears whole or not at all: `write` fills a temporary file beside `path`, which
 * takes its name when `write` has succeeded and is removed when it has not.
 *
 * @returns what `write` returned
 * @throws DiskSpaceError that names `path` where its disk is full; else what `write` or the disk throws
 */
export async function atomicFile<T>(
  path: string,
  write: (handle: FileHandle, temporaryPath: string) => Promise<T>,
): Promise<T> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.part`
  const handle = await naming(path, () => open(temporary, 'wx'))
  try {
    let result: T
    try {
      result = await write(handle, temporary)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await renameFile(temporary, path)
    return result
  } catch (error) {
    const told = await writeError(path, error)
    await removeFile(temporary)
    throw told
  }
}
