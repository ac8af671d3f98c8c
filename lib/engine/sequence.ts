import type { NativeRequest, NativeResult } from '../binding/binding.js'
import { DecodeError, GuardClosedError, TooLongError } from '../errors.js'

/** What a sequence needs of its engine. */
export interface SequenceOwner {
  decode(
    request: Omit<NativeRequest, 'id' | 'restore'>,
    signal: AbortSignal | undefined,
  ): Promise<NativeResult>
  release(): void
  /** Like `release`, but what the cells hold is kept for a prompt that begins like it. */
  keep(tokens: Int32Array, shared: SharedStart | undefined): void
}

/** The first positions of a sequence where they are another's, which holds them as long as the engine lives. */
export interface SharedStart {
  sequence: Sequence
  length: number
}

export interface DecodeOptions {
  /** Ascending indices into `tokens` whose outputs are wanted. */
  read: Int32Array
  /** Positions kept before `tokens`; default all. */
  keep?: number | undefined
  /** 0 for a stream's tokens, decoded before prefills (1, the default). */
  priority?: 0 | 1 | undefined
  signal?: AbortSignal | undefined
}

/** Guard head logits, read positions x head outputs. */
export interface HeadOutputs {
  heads: Float32Array
  passes: number
  /** Wall time of the decodes this request took part in. */
  ms: number
}

/** LM head outputs, one entry a read position. */
export interface TextOutputs {
  /** Greedy token ids. */
  greedy: Int32Array
  /** Logit lead of the greedy token over the runner-up. */
  margin: Float32Array
  /** Read positions x named ids: logits. */
  named: Float32Array
  passes: number
  ms: number
}

const NONE = new Int32Array(0)

/** One line of an engine's KV cache. Requests of one sequence are decoded in the order they are made. */
export class Sequence {
  readonly id: number
  /** Positions this sequence may hold. */
  readonly capacity: number
  readonly #owner: SequenceOwner
  #length: number
  #computedAnew = false
  #released = false

  /** `length`: positions that the KV cache holds already. */
  constructor(id: number, capacity: number, owner: SequenceOwner, length = 0) {
    this.id = id
    this.capacity = capacity
    this.#owner = owner
    this.#length = length
  }

  /** Positions in the KV cache once the requests made so far are done. */
  get length(): number {
    return this.#length
  }

  /** Whether what it was to go on from was not there after all, and its first request computed that too. */
  get computedAnew(): boolean {
    return this.#computedAnew
  }

  /** For its owner: it does so now. */
  computeAnew(): void {
    this.#computedAnew = true
  }

  /** Appends tokens and reads the guard heads. @throws DecodeError, TooLongError, GuardClosedError, `signal.reason` */
  async decodeHeads(tokens: Int32Array, options: DecodeOptions): Promise<HeadOutputs> {
    const result = await this.#decode(tokens, options, NONE, undefined)
    if (!result.heads) throw new DecodeError('the engine gave no head outputs')
    return { heads: result.heads, passes: result.passes, ms: result.ms }
  }

  /**
   * Appends tokens and reads the LM head. With `from`, the kept positions are those of another sequence
   * of the same engine (unified KV cache only), shared and not computed again.
   *
   * @throws DecodeError, TooLongError, GuardClosedError, `signal.reason`
   */
  async decodeText(
    tokens: Int32Array,
    options: DecodeOptions & { named: Int32Array; from?: Sequence | undefined },
  ): Promise<TextOutputs> {
    const result = await this.#decode(tokens, options, options.named, options.from)
    const { greedy, margin, named } = result
    if (!greedy || !margin || !named) throw new DecodeError('the engine gave no text outputs')
    return { greedy, margin, named, passes: result.passes, ms: result.ms }
  }

  async #decode(
    tokens: Int32Array,
    { read, keep = this.#length, priority = 1, signal }: DecodeOptions,
    named: Int32Array,
    from: Sequence | undefined,
  ): Promise<NativeResult> {
    if (this.#released) throw new GuardClosedError('the sequence was released')
    const length = keep + tokens.length
    if (length > this.capacity) throw new TooLongError(length, this.capacity)
    // Set at once, so that a request made before this one is done follows on.
    this.#length = length
    try {
      return await this.#owner.decode(
        { sequence: this.id, keep, from: from?.id ?? -1, tokens, read, named, priority },
        signal,
      )
    } catch (error) {
      // Some of the tokens may be in the cache; a next request drops them by what it keeps.
      this.#length = Math.min(this.#length, from ? 0 : keep)
      throw error
    }
  }

  /** Gives the sequence back; its cells are freed after the work already submitted. Idempotent. */
  release(): void {
    if (this.#released) return
    this.#released = true
    this.#owner.release()
  }

  /**
   * Gives the sequence back, but leaves its first positions, which hold `tokens`, to a later `acquire` that
   * begins with them. For sequences whose requests have all succeeded. Idempotent, and after `release` nothing.
   *
   * @param shared what need not be kept, since another sequence holds it
   */
  keep(tokens: Int32Array, shared?: SharedStart): void {
    if (this.#released) return
    if (tokens.length === 0 || tokens.length > this.#length) {
      this.release()
    } else {
      this.#released = true
      this.#owner.keep(tokens, shared)
    }
  }
}
