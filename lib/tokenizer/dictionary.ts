import { nextTurn, type Steps, turnIsOver } from '../event-loop.js'

/** Ids that are copied at once. */
const BLOCK_IDS = 65_536

/** Ids of the first block at first: most texts are short. */
const FEW_IDS = 1024

/** Ids of numbered words, one after the other, in blocks: nothing long is copied to make room for more. */
export class Dictionary {
  readonly #blocks: Int32Array[] = []
  readonly #ends: Float64Array
  #count = 0
  /** Ids of all words. */
  size = 0

  constructor(words: number) {
    this.#ends = new Float64Array(words + 1)
  }

  /** Ids of the word that has not ended, which may come in parts. Returns how many ids there are. */
  add(ids: Int32Array): number {
    for (let from = 0; from < ids.length; ) {
      const at = this.size % BLOCK_IDS
      const some = ids.subarray(from, from + BLOCK_IDS - at)
      this.#blockWith(at + some.length).set(some, at)
      from += some.length
      this.size += some.length
    }
    return this.size
  }

  /** The block that the next id goes to, with room for `length` of them. */
  #blockWith(length: number): Int32Array {
    const number = Math.floor(this.size / BLOCK_IDS)
    const block = this.#blocks[number]
    if (block && block.length >= length) return block
    const size = number === 0 ? Math.max(FEW_IDS, length, 2 * (block?.length ?? 0)) : BLOCK_IDS
    const grown = new Int32Array(Math.min(size, BLOCK_IDS))
    if (block) grown.set(block)
    this.#blocks[number] = grown
    return grown
  }

  endWord(): void {
    this.#count += 1
    this.#ends[this.#count] = this.size
  }

  /** Ids of a text of these words. */
  *idsOf(words: readonly number[]): Steps<Int32Array> {
    let length = 0
    for (const word of words) length += (this.#ends[word + 1] as number) - (this.#ends[word] as number)
    const joined = new Int32Array(length)
    let at = 0
    for (const [i, word] of words.entries()) {
      const end = this.#ends[word + 1] as number
      for (let from = this.#ends[word] as number; from < end; ) {
        const block = this.#blocks[Math.floor(from / BLOCK_IDS)] as Int32Array
        const some = block.subarray(from % BLOCK_IDS, (from % BLOCK_IDS) + end - from)
        joined.set(some, at)
        at += some.length
        from += some.length
        if (end - from > 0 && turnIsOver()) yield nextTurn()
      }
      if (i % 1024 === 1023 && turnIsOver()) yield nextTurn()
    }
    return joined
  }
}

/** All ids in one array. */
export function* concatenated(parts: readonly Int32Array[]): Steps<Int32Array> {
  const all = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    for (let from = 0; from < part.length; from += BLOCK_IDS) {
      const some = part.subarray(from, from + BLOCK_IDS)
      all.set(some, at)
      at += some.length
      if (from + BLOCK_IDS < part.length && turnIsOver()) yield nextTurn()
    }
  }
  return all
}
