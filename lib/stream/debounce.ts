import type { Safety } from '../labels.js'

export interface DebounceOptions {
  /** Equal verdicts in a row that make one count. Default 2, as in Qwen's evaluation. */
  consecutive?: number
  /**
   * Whether a run that mixes Unsafe and Controversial counts as Controversial, as the report's wording
   * would have it. Default false, as in Qwen's evaluation.
   */
  mixedPairs?: boolean
}

/**
 * Turns the risks of a reply's tokens into the risk of the reply. The rule of Qwen's evaluation: the first
 * token that is Unsafe like the one before it makes the reply Unsafe from there; failing that, two
 * consecutive Controversial tokens make it Controversial. Unsafe, once reached, stays.
 * Source: eval/ of the official repository, and section 3.4 of arXiv 2510.14276 for mixed pairs.
 */
export class Debounce {
  readonly #consecutive: number
  readonly #mixedPairs: boolean
  #count = 0
  /** Lengths of the runs that end at the latest token: of Unsafe, of Controversial, of either. */
  #unsafe = 0
  #controversial = 0
  #either = 0
  #firstUnsafe: number | null = null
  #firstControversial: number | null = null

  /** @throws RangeError if `consecutive` is not a positive integer. */
  constructor({ consecutive = 2, mixedPairs = false }: DebounceOptions = {}) {
    if (!Number.isInteger(consecutive) || consecutive < 1) {
      throw new RangeError(`Expected consecutive to be an integer of at least 1, got ${consecutive}`)
    }
    this.#consecutive = consecutive
    this.#mixedPairs = mixedPairs
  }

  /** One that has taken the same risks, to try what may come. */
  copy(): Debounce {
    const copy = new Debounce({ consecutive: this.#consecutive, mixedPairs: this.#mixedPairs })
    copy.#count = this.#count
    copy.#unsafe = this.#unsafe
    copy.#controversial = this.#controversial
    copy.#either = this.#either
    copy.#firstUnsafe = this.#firstUnsafe
    copy.#firstControversial = this.#firstControversial
    return copy
  }

  /** Takes the next token's risk; says which risk is reached at this token, Safe for none. */
  push(risk: Safety): Safety {
    this.#unsafe = risk === 'Unsafe' ? this.#unsafe + 1 : 0
    this.#controversial = risk === 'Controversial' ? this.#controversial + 1 : 0
    this.#either = risk === 'Safe' ? 0 : this.#either + 1
    const index = this.#count++
    if (this.#unsafe >= this.#consecutive) {
      this.#firstUnsafe ??= index
      return 'Unsafe'
    }
    if (this.#controversialRun >= this.#consecutive) {
      this.#firstControversial ??= index
      return 'Controversial'
    }
    return 'Safe'
  }

  /** The reply's risk so far and the index of the token that decided it. */
  get verdict(): { safety: Safety; at: number | null } {
    if (this.#firstUnsafe !== null) return { safety: 'Unsafe', at: this.#firstUnsafe }
    if (this.#firstControversial !== null) return { safety: 'Controversial', at: this.#firstControversial }
    return { safety: 'Safe', at: null }
  }

  /** Tokens at the end that could still turn out to be the beginning of a run of this risk. */
  open(risk: 'Unsafe' | 'Controversial'): number {
    const run = risk === 'Unsafe' ? this.#unsafe : this.#controversialRun
    return Math.min(run, this.#consecutive - 1)
  }

  get #controversialRun(): number {
    return this.#mixedPairs ? this.#either : this.#controversial
  }
}
