import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

const SLAB_BYTES = 4 << 20

/** A file's hash as hexadecimal digits: of its bytes, or as git names the blob. */
export type HashKind = 'sha256' | 'git-sha1'

/**
 * Hashes a file as it lies on the disk.
 *
 * @param onRead called with the bytes read since the last call
 */
export async function hashFile(
  file: string,
  kind: HashKind,
  options: { onRead?: ((bytes: number) => void) | undefined; signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const handle = await open(file, 'r')
  try {
    const hash = createHash(kind === 'sha256' ? 'sha256' : 'sha1')
    if (kind === 'git-sha1') hash.update(`blob ${(await handle.stat()).size}\0`)
    const slab = Buffer.allocUnsafe(SLAB_BYTES)
    for (let position = 0; ; ) {
      options.signal?.throwIfAborted()
      const { bytesRead } = await handle.read(slab, 0, slab.length, position)
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(slab.subarray(0, bytesRead))
      position += bytesRead
      options.onRead?.(bytesRead)
    }
  } finally {
    await handle.close()
  }
}
