import { commonLength } from '../tokenizer/common-length.js'

/** What a sequence held when it was done with, kept in memory of its own. */
export interface KeptPrefix {
  /** What `NativeEngine.keep` was given. */
  readonly sequence: number
  readonly key: number
  /** Tokens of its first positions. */
  readonly tokens: Int32Array
  /** Positions kept. */
  readonly cells: number
}

/**
 * What done sequences held, for prompts that begin like one of them to go on from instead of computing the
 * beginning again. Whoever owns this frees what goes.
 *
 * Kept outside the KV cache's cells: on a unified cache every token's attention visits them all.
 */
export class PrefixCache {
  readonly #most: number
  /** Least recently used first. */
  readonly #kept: KeptPrefix[] = []
  #cells = 0

  /** `most`: positions kept in all. */
  constructor(most: number) {
    this.#most = most
  }

  /** Positions kept. */
  get cells(): number {
    return this.#cells
  }

  /** Keeps another; gives those that go for it, the least recently used. */
  add(prefix: KeptPrefix): KeptPrefix[] {
    this.#kept.push(prefix)
    this.#cells += prefix.cells
    const gone: KeptPrefix[] = []
    while (this.#cells > this.#most) gone.push(this.#remove(0))
    return gone
  }

  /**
   * Takes out what has most of `tokens`' beginning, if that is more than `longerThan`; of equal ones the least
   * recently used. At least one token is left to decode.
   */
  take(tokens: Int32Array, longerThan: number): { prefix: KeptPrefix; length: number } | null {
    let longest = longerThan
    let found = -1
    for (const [i, prefix] of this.#kept.entries()) {
      const length = Math.min(commonLength(tokens, prefix.tokens), tokens.length - 1)
      if (length <= longest) continue
      longest = length
      found = i
    }
    return found < 0 ? null : { prefix: this.#remove(found), length: longest }
  }

  #remove(index: number): KeptPrefix {
    const [removed] = this.#kept.splice(index, 1) as [KeptPrefix]
    this.#cells -= removed.cells
    return removed
  }
}
