import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { removeTree, whileHeld } from '../held-files.js'
import { atomicFile } from '../models/atomic-file.js'

/**
 * Where the chunks of a batch and their results lie, which submitters and workers all reach: a shared folder
 * ({@link folderStore}), or a bucket or a database through functions of the caller's. Names look like
 * `BATCH/rows-00001.jsonl`. Writing a name again replaces what is there with the same.
 */
export interface ChunkStore {
  /** All that was written under the name; null where nothing was. */
  read(name: string): Promise<Uint8Array | null>
  /** Whole or not at all: a reader never sees a part. */
  write(name: string, bytes: Uint8Array): Promise<void>
  /** Forgets the name, if it is there. */
  remove(name: string): Promise<void>
  /** Puts what was written under `parts` into `name`, whole or not at all. Without it no merged file is written. */
  join?(name: string, parts: readonly string[]): Promise<void>
}

/** A folder that all machines mount. Files appear by a rename, so that the same chunk may be written by two workers. */
export function folderStore(folder: string): ChunkStore {
  if (typeof folder !== 'string' || folder === '') {
    throw new TypeError(`Expected \`folder\` to be the path of a folder, got ${String(folder)}`)
  }
  const file = (name: string) => path.join(folder, name)
  return {
    read: async (name) => {
      try {
        // Another worker may be about to replace it.
        return await whileHeld(async () => await readFile(file(name)))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
        throw error
      }
    },
    write: async (name, bytes) => {
      await mkdir(path.dirname(file(name)), { recursive: true })
      await atomicFile(file(name), async (handle) => await handle.writeFile(bytes))
    },
    remove: async (name) => await removeTree(file(name)),
    join: async (name, parts) => {
      await atomicFile(file(name), async (_handle, temporary) => {
        for (const part of parts) {
          await pipeline(createReadStream(file(part)), createWriteStream(temporary, { flags: 'a' }))
        }
      })
    },
  }
}
