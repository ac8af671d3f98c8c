import { EndOfFile, FileCursor } from './file-cursor.js'
import type { GgufArray, GgufFile, GgufScalar } from './format.js'
import { brokenGguf, SCALAR_BYTES, scalar, text } from './format.js'
import { openModelFile } from './model-file.js'

/**
 * Reads the elements of a metadata array in batches, in order; strings that are not UTF-8 are refused.
 *
 * @throws ModelFileError
 */
export async function* readGgufArray(
  file: GgufFile,
  key: string,
  array: GgufArray,
  signal?: AbortSignal,
): AsyncGenerator<GgufScalar[]> {
  if (array.values) {
    yield [...array.values]
    return
  }
  const { handle, size } = await openModelFile(file.path)
  try {
    const cursor = new FileCursor(handle, size, array.offset, signal)
    let batch: GgufScalar[] = []
    for (let i = 0; i < array.count; i++) {
      const bytes = SCALAR_BYTES[array.of]
      if (!cursor.has(bytes)) await cursor.need(bytes)
      if (array.of === 'string') {
        const length = cursor.length64()
        if (!cursor.has(length)) await cursor.need(length)
        batch.push(element(file, key, i, cursor, length))
      } else {
        batch.push(scalar(cursor, array.of))
      }
      if (batch.length === 8192) {
        yield batch
        batch = []
      }
    }
    if (batch.length > 0) yield batch
  } catch (error) {
    if (!(error instanceof EndOfFile)) throw error
    throw brokenGguf(
      file.path,
      `metadata key ${key}`,
      `the file became shorter while it was read: ${error.message}`,
    )
  } finally {
    await handle.close()
  }
}

function element(file: GgufFile, key: string, index: number, cursor: FileCursor, bytes: number): string {
  const decoded = text(cursor, bytes)
  if (decoded !== null) return decoded
  const came = JSON.stringify(cursor.taken(Math.min(bytes, 40)).toString('latin1'))
  throw brokenGguf(file.path, `metadata key ${key}`, `its element ${index} is not UTF-8: ${came}`)
}
