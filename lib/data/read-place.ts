/**
 * How far a source is read, in its own bytes: as far as the rows that were taken of it reach. What is read and unpacked
 * ahead of them may be hours of judging.
 */
export class ReadPlace {
  /** Bytes of the source that were read, packed as it is. */
  #read = 0
  /** What they became, where rows are looked for: unpacked, and in UTF-8. */
  #given = 0

  read(bytes: number): void {
    this.#read += bytes
  }

  give(bytes: number): void {
    this.#given += bytes
  }

  /** Bytes of the source by which the first `taken` bytes of what it became are read, about so many where it is packed. */
  at(taken: number): number {
    return this.#given === 0 ? 0 : Math.min(this.#read, Math.round((this.#read * taken) / this.#given))
  }

  /** Counts the bytes of chunks as they come. */
  async *counted(
    source: AsyncIterable<Uint8Array>,
    as: 'read' | 'give',
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of source) {
      this[as](chunk.length)
      yield chunk
    }
  }
}
