import type { FileHandle } from 'node:fs/promises'

/**
 * Bytes read at once. The event loop runs between chunks: one of a vocabulary's holds some 20,000
 * strings, which take about 10 ms to look at.
 */
const CHUNK_BYTES = 256 << 10

/** Thrown when a read would pass the end of the file; the caller says what was being read. */
export class EndOfFile extends Error {
  constructor(
    readonly offset: number,
    readonly wanted: number,
    readonly size: number,
  ) {
    super(`${wanted} bytes wanted at offset ${offset}, the file has ${size}`)
  }
}

/**
 * Reads a file forward in chunks. `await need(n)` makes the next `n` bytes available; the getters
 * then take them without waiting. Little endian.
 */
export class FileCursor {
  readonly size: number
  readonly #handle: FileHandle
  readonly #signal: AbortSignal | undefined
  #buffer = Buffer.alloc(0)
  #bufferStart: number
  #index = 0

  constructor(handle: FileHandle, size: number, start = 0, signal?: AbortSignal) {
    this.#handle = handle
    this.size = size
    this.#bufferStart = start
    this.#signal = signal
  }

  /** Offset in the file of the next byte. */
  get position(): number {
    return this.#bufferStart + this.#index
  }

  /** Bytes from here to the end of the file. */
  get remaining(): number {
    return this.size - this.position
  }

  /** True if `bytes` can be taken without waiting. */
  has(bytes: number): boolean {
    return this.#buffer.length - this.#index >= bytes
  }

  /** Makes the next `bytes` available, or throws {@link EndOfFile}. */
  async need(bytes: number): Promise<void> {
    if (this.has(bytes)) return
    if (bytes > this.remaining) throw new EndOfFile(this.position, bytes, this.size)
    const start = this.position
    const length = Math.min(Math.max(bytes, CHUNK_BYTES), this.remaining)
    const buffer = Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length) {
      this.#signal?.throwIfAborted()
      const { bytesRead } = await this.#handle.read(buffer, filled, length - filled, start + filled)
      // The file became shorter while it was read.
      if (bytesRead === 0) throw new EndOfFile(start, bytes, start + filled)
      filled += bytesRead
    }
    this.#buffer = buffer
    this.#bufferStart = start
    this.#index = 0
  }

  /** Moves forward without reading what lies between. */
  skip(bytes: number): void {
    if (bytes > this.remaining) throw new EndOfFile(this.position, bytes, this.size)
    if (this.has(bytes)) {
      this.#index += bytes
      return
    }
    this.#bufferStart = this.position + bytes
    this.#buffer = Buffer.alloc(0)
    this.#index = 0
  }

  /**
   * Passes over strings, each behind its length, as long as they are available whole and have at most `longest` bytes; returns
   * how many, at most `count`. A vocabulary has 300,000: what is done for each counts.
   */
  skipStrings(count: number, longest: number): number {
    const buffer = this.#buffer
    const end = buffer.length
    let at = this.#index
    let skipped = 0
    for (; skipped < count && at + 8 <= end; skipped++) {
      // Of a length of 16 MB and more, somebody else looks at the other bytes.
      if (buffer[at + 3] || buffer[at + 4] || buffer[at + 5] || buffer[at + 6] || buffer[at + 7]) break
      const length = buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16)
      const next = at + 8 + length
      if (length > longest || next > end) break
      at = next
    }
    this.#index = at
    return skipped
  }

  /** Up to `bytes` of what is already available, without moving. */
  peek(bytes: number): Buffer {
    return this.#buffer.subarray(this.#index, this.#index + bytes)
  }

  take(bytes: number): Buffer {
    const start = this.#advance(bytes)
    return this.#buffer.subarray(start, start + bytes)
  }

  /** The next `bytes` as UTF-8, with U+FFFD for what is not; faster than decoding a copy. */
  text(bytes: number): string {
    const start = this.#advance(bytes)
    return this.#buffer.toString('utf8', start, start + bytes)
  }

  /** The `bytes` just taken, again. */
  taken(bytes: number): Buffer {
    return this.#buffer.subarray(this.#index - bytes, this.#index)
  }

  uint8(): number {
    return this.#buffer.readUInt8(this.#advance(1))
  }
  int8(): number {
    return this.#buffer.readInt8(this.#advance(1))
  }
  uint16(): number {
    return this.#buffer.readUInt16LE(this.#advance(2))
  }
  int16(): number {
    return this.#buffer.readInt16LE(this.#advance(2))
  }
  uint32(): number {
    return this.#buffer.readUInt32LE(this.#advance(4))
  }
  int32(): number {
    return this.#buffer.readInt32LE(this.#advance(4))
  }
  float32(): number {
    return this.#buffer.readFloatLE(this.#advance(4))
  }
  float64(): number {
    return this.#buffer.readDoubleLE(this.#advance(8))
  }
  uint64(): bigint {
    return this.#buffer.readBigUInt64LE(this.#advance(8))
  }
  int64(): bigint {
    return this.#buffer.readBigInt64LE(this.#advance(8))
  }

  /** A count or length stored as uint64; Infinity where a number cannot hold it, so that any limit refuses it. */
  length64(): number {
    const index = this.#advance(8)
    const high = this.#buffer.readUInt32LE(index + 4)
    if (high >= 1 << 21) return Number.POSITIVE_INFINITY
    return high * 2 ** 32 + this.#buffer.readUInt32LE(index)
  }

  #advance(bytes: number): number {
    const start = this.#index
    this.#index += bytes
    return start
  }
}
