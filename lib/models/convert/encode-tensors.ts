import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import os from 'node:os'
import type { GgmlType, NativeBinding } from '../../binding/binding.js'
import { fromNative } from '../../binding/native-error.js'
import type { ModelFileError } from '../../errors.js'
import { badWeight } from './bad-weight.js'
import { isFloat } from './tensor-type.js'

/** One tensor to be written in another type, or the same, and where its rows lie. */
export interface TensorJob {
  /** In the source, for messages. */
  readonly name: string
  readonly path: string
  /** Of the first row, from the start of the file. */
  readonly offset: number
  /** Of all rows. */
  readonly bytes: number
  /** Values in a row, and rows. */
  readonly row: number
  readonly rows: number
  readonly from: GgmlType
  readonly to: GgmlType
}

export interface EncodeOptions {
  /** Bytes that each tensor's data are padded to. */
  alignment: number
  /** Makes the error for a source whose weights, or size, are not sound. */
  refuse: (path: string, what: string) => ModelFileError
  onProgress?: ((fraction: number) => void) | undefined
  signal?: AbortSignal | undefined
}

/**
 * Values in one slab. While it is in work there are two copies of its source, one in f32 and two of
 * the result: at most 40 MiB.
 */
const SLAB_VALUES = 2 << 20

/** Slabs in work: native encodes on Node's thread pool, which has four threads. */
const SLABS = Math.min(4, os.availableParallelism())

/**
 * Encodes tensors and writes them one after the other, each padded, from `position` on. Rows are read in
 * slabs, of which several are in work at once, so memory stays bounded whatever the model's size. The
 * same tensors give the same bytes.
 *
 * @returns where the file ends
 */
export async function encodeTensors(
  binding: NativeBinding,
  handle: FileHandle,
  position: number,
  jobs: readonly TensorJob[],
  options: EncodeOptions,
): Promise<number> {
  const output = new Output(handle, position, jobs, options)
  for (const job of jobs) {
    let left = job.bytes
    for await (const slab of readSlabs(job, options)) {
      left -= slab.length
      await output.push(encode(binding, slab, job, options), slab.length, left === 0)
    }
  }
  return await output.end()
}

/** Appends to a file what is still being encoded, in order. */
class Output {
  readonly #handle: FileHandle
  readonly #options: EncodeOptions
  readonly #working: { encoded: Promise<Uint8Array>; read: number; last: boolean }[] = []
  readonly #total: number
  #position: number
  #read = 0

  constructor(handle: FileHandle, position: number, jobs: readonly TensorJob[], options: EncodeOptions) {
    this.#handle = handle
    this.#position = position
    this.#options = options
    this.#total = jobs.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /**
   * Returns when there is room for another slab.
   *
   * @param read bytes of the source that become `encoded`
   * @param last whether the tensor ends with it
   */
  async push(encoded: Promise<Uint8Array>, read: number, last: boolean): Promise<void> {
    // Its failure counts when its turn comes, unless an earlier one ends it all.
    encoded.catch(() => {})
    this.#working.push({ encoded, read, last })
    while (this.#working.length >= SLABS) await this.#next()
  }

  async end(): Promise<number> {
    while (this.#working.length > 0) await this.#next()
    return this.#position
  }

  async #next(): Promise<void> {
    const { encoded, read, last } = this.#working.shift()!
    await this.#append(await encoded)
    const { alignment, onProgress } = this.#options
    if (last) await this.#append(new Uint8Array((alignment - (this.#position % alignment)) % alignment))
    this.#read += read
    onProgress?.(this.#read / this.#total)
  }

  async #append(data: Uint8Array): Promise<void> {
    let done = 0
    while (done < data.length) {
      const at = this.#position + done
      const { bytesWritten } = await this.#handle.write(data, done, data.length - done, at)
      done += bytesWritten
    }
    this.#position += data.length
  }
}

/** Has copied the slab when it returns its promise: the slab may be filled again. */
async function encode(
  binding: NativeBinding,
  slab: Uint8Array,
  { name, path, from, to, row }: TensorJob,
  { refuse }: EncodeOptions,
): Promise<Uint8Array> {
  if (isFloat(from)) {
    const bad = badWeight(slab, from, to)
    if (bad) throw refuse(path, `a weight of ${name} is ${bad}`)
    if (from === to) return slab.slice()
  }
  try {
    return await binding.encodeRows(slab, from, to, row)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_CHECKPOINT_INVALID') throw fromNative(error)
    throw refuse(path, `a weight of ${name} is not a finite number: download the file again`)
  }
}

/** A tensor in slabs of whole rows, one row at least. They share one buffer: each is valid until the next is asked for. */
async function* readSlabs(job: TensorJob, { refuse, signal }: EncodeOptions): AsyncGenerator<Uint8Array> {
  const { path, offset, bytes, row, rows } = job
  const slab = new Uint8Array((bytes / rows) * Math.min(rows, Math.max(1, Math.floor(SLAB_VALUES / row))))
  const handle = await open(path, 'r')
  try {
    for (let done = 0; done < bytes; done += slab.length) {
      signal?.throwIfAborted()
      const length = Math.min(slab.length, bytes - done)
      for (let filled = 0; filled < length; ) {
        const at = offset + done + filled
        const { bytesRead } = await handle.read(slab, filled, length - filled, at)
        if (bytesRead === 0) throw refuse(path, `it ended at byte ${at} while it was read: download it again`)
        filled += bytesRead
      }
      yield slab.subarray(0, length)
    }
  } finally {
    await handle.close()
  }
}
