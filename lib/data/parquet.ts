import { createWriteStream } from 'node:fs'
import { type FileHandle, mkdtemp, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { removeTree } from '../held-files.js'
import { InputError } from './input-error.js'

/** Rows decoded at a time where a file has an index of its pages; without one, a row group is. */
const SLICE_ROWS = 2000

/**
 * Rows of a Parquet file in order. A row group is decoded at a time, or less of it where the file has an offset
 * index: the writer of the file decides what that takes of memory.
 *
 * @param read is told before each row which bytes of the file it reaches to, as if rows were alike
 * @throws InputError for a file that is broken, encrypted or of an unknown compression; the disk's error
 */
export async function* readParquet(
  path: string,
  name: string,
  read: (bytes: number) => void = () => {},
): AsyncGenerator<Record<string, unknown>> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const buffer = bufferOf(file, size)
    const metadata = await sound(name, () => parquetMetadataAsync(buffer))
    let start = 0
    for (const group of metadata.row_groups) {
      const end = start + Number(group.num_rows)
      const step = hasOffsetIndex(group) ? SLICE_ROWS : end - start
      for (let rowStart = start; rowStart < end; rowStart += step) {
        const rowEnd = Math.min(rowStart + step, end)
        const options = { file: buffer, metadata, compressors, rowStart, rowEnd, useOffsetIndex: true }
        const rows = await sound(name, () => parquetReadObjects(options))
        for (const [at, row] of rows.entries()) {
          read(Math.round((size * (rowStart + at + 1)) / Number(metadata.num_rows)))
          yield row
        }
      }
      start = end
    }
  } finally {
    await file.close()
  }
}

/** Names of a Parquet file's columns, of which no row is decoded. @throws as `readParquet` */
export async function parquetColumns(path: string, name: string): Promise<string[]> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const metadata = await sound(name, () => parquetMetadataAsync(bufferOf(file, size)))
    return parquetSchema(metadata).children.map(({ element }) => element.name)
  } finally {
    await file.close()
  }
}

function bufferOf(file: FileHandle, size: number): AsyncBuffer {
  return {
    byteLength: size,
    async slice(start, end = size) {
      const bytes = new Uint8Array(Math.max(0, end - start))
      let filled = 0
      while (filled < bytes.length) {
        const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled)
        if (bytesRead === 0) throw new Error(`it ends at byte ${start + filled}`)
        filled += bytesRead
      }
      return bytes.buffer
    },
  }
}

function hasOffsetIndex(group: FileMetaData['row_groups'][number]): boolean {
  return group.columns.every(({ offset_index_offset: offset }) => offset !== undefined)
}

async function sound<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof Error && 'syscall' in cause) throw cause
    throw new InputError(
      `${name} is Parquet that cannot be read: ${(cause as Error).message} (--format says otherwise)`,
      { cause },
    )
  }
}

/** Parquet is read from its end: what comes through a pipe, or packed, is put into a file first. */
export async function* readParquetStream(
  source: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Record<string, unknown>> {
  const directory = await mkdtemp(join(tmpdir(), 'qwen3guard-parquet-'))
  try {
    const path = join(directory, 'rows.parquet')
    await pipeline(source, createWriteStream(path))
    yield* readParquet(path, name)
  } finally {
    await removeTree(directory)
  }
}
