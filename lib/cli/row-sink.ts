import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { naming, writeError } from '../full-disk.js'
import { print } from './standard-streams.js'

/** Where output rows go, one after the other. */
export interface RowSink {
  /** @param line with its line break */
  add(line: string): Promise<void>
  /** All are added: resolves when they are written. */
  end(): Promise<void>
}

export function stdoutSink(signal: AbortSignal): RowSink {
  return { add: (line) => print(line, signal), end: async () => {} }
}

/** A file, a device or a pipe that is written to as the rows come. */
export class FileSink implements RowSink {
  readonly #path: string
  readonly #stream: WriteStream
  readonly #signal: AbortSignal

  constructor(path: string, signal: AbortSignal) {
    this.#path = path
    this.#stream = createWriteStream(path)
    this.#signal = signal
    // Told by the write that fails.
    this.#stream.on('error', () => {})
  }

  async add(line: string): Promise<void> {
    if (this.#stream.errored) throw await writeError(this.#path, this.#stream.errored)
    if (this.#stream.write(line)) return
    await naming(this.#path, () => once(this.#stream, 'drain', { signal: this.#signal }))
  }

  async end(): Promise<void> {
    if (this.#stream.errored) throw await writeError(this.#path, this.#stream.errored)
    this.#stream.end()
    await naming(this.#path, () => finished(this.#stream, { signal: this.#signal }))
  }

  /** What was not written by then is not. */
  destroy(): void {
    this.#stream.destroy()
  }
}
