/** A sequence that nobody uses, whose cells still hold what was decoded last. */
export interface IdleSequence {
  readonly id: number
  /** Tokens of its first positions. */
  readonly tokens: Int32Array
  /** Positions it takes in the KV cache. */
  readonly cells: number
}

/** So many sequences later, a limit that has come down is tried again at its full height. */
const RETRY = 128

/**
 * Sequences kept for what they hold. A prompt that begins like one of them goes on from there instead of
 * computing the beginning again. They are lent capacity: whoever owns this evicts them before anybody waits.
 *
 * What is kept costs time as well: on a unified KV cache every token's attention visits all cells. So the
 * number kept is halved whenever one goes that nobody came back for, and is full again once somebody did.
 */
export class PrefixCache {
  readonly #most: number
  #limit: number
  #added = 0
  /** Least recently used first. */
  readonly #idle: IdleSequence[] = []
  #cells = 0

  constructor(most: number) {
    this.#most = most
    this.#limit = most
  }

  get size(): number {
    return this.#idle.length
  }

  /** Positions that all of them take. */
  get cells(): number {
    return this.#cells
  }

  /** Keeps a sequence; gives those that go for it. */
  add(sequence: IdleSequence): IdleSequence[] {
    this.#idle.push(sequence)
    this.#cells += sequence.cells
    this.#added += 1
    if (this.#added % RETRY === 0) this.#limit = this.#most
    const evicted: IdleSequence[] = []
    for (let over = this.#idle.length - this.#limit; over > 0; over--) {
      evicted.push(this.#remove(0) as IdleSequence)
    }
    if (evicted.length > 0) this.#lower()
    return evicted
  }

  /**
   * Takes out the sequence that has most of `tokens`' beginning, if that is more than `longerThan`; of equal
   * ones the least recently used. At least one token is left to decode.
   */
  claim(tokens: Int32Array, longerThan: number): { sequence: IdleSequence; length: number } | null {
    let longest = longerThan
    let found: IdleSequence | undefined
    for (const sequence of this.#idle) {
      const length = Math.min(commonLength(tokens, sequence.tokens), tokens.length - 1)
      if (length <= longest) continue
      longest = length
      found = sequence
    }
    if (!found) return null
    this.#limit = this.#most
    this.#remove(this.#idle.indexOf(found))
    return { sequence: found, length: longest }
  }

  /** Takes out the least recently used sequence. */
  evict(): IdleSequence | undefined {
    if (this.#idle.length > 0) this.#lower()
    return this.#remove(0)
  }

  #lower(): void {
    this.#limit = Math.max(1, this.#limit >> 1)
  }

  #remove(index: number): IdleSequence | undefined {
    const [removed] = this.#idle.splice(index, 1)
    this.#cells -= removed?.cells ?? 0
    return removed
  }
}

/** Number of ids with which both begin. */
export function commonLength(a: Int32Array, b: Int32Array): number {
  const most = Math.min(a.length, b.length)
  let length = 0
  while (length < most && a[length] === b[length]) length++
  return length
}
