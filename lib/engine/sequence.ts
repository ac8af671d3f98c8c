import { type NativeRequest, type NativeResult, WHOLE } from '../binding/binding.js'
import { DecodeError, GuardClosedError, TooLongError } from '../errors.js'
import type { Begin } from '../event-loop.js'

/** One of the two is called, once. */
export interface OnResult {
  done(result: NativeResult): void
  failed(error: unknown): void
}

/** What a sequence needs of its engine. */
export interface SequenceOwner {
  decode(request: Omit<NativeRequest, 'id'>, signal: AbortSignal | undefined, on: OnResult): void
  /** Its cells are freed; its first `keep` positions are kept for texts that begin like it. */
  giveBack(sequence: Sequence, keep: number): void
}

/** Tokens that many texts begin with, in cells of their own as long as the engine lives. */
export interface SharedPrefix {
  readonly tokens: Int32Array
  /** The sequence that holds them. */
  readonly sequence: number
}

/** The first positions of a sequence, where they are a shared prefix's. */
export interface SharedBeginning {
  prefix: SharedPrefix
  length: number
}

export interface DecodeOptions {
  /** Ascending indices into `tokens` whose outputs are wanted. */
  read: Int32Array
  /**
   * Positions kept before `tokens`; default all. `'whole'`: the tokens are all that the sequence is to hold, and what of them
   * the engine has already, up to the first that is read, is not computed again; the outputs' `cached` says how much that was.
   */
  keep?: number | 'whole' | undefined
  /** 0 for a stream's tokens, decoded before prefills (1, the default). */
  priority?: 0 | 1 | undefined
  signal?: AbortSignal | undefined
}

/** What the engine says of a request. */
interface Computed {
  /** Tokens that did not have to be computed. */
  cached: number
  passes: number
  /** Wall time of the decodes this request took part in. */
  ms: number
}

/** Guard head logits, read positions x head outputs. */
export interface HeadOutputs extends Computed {
  heads: Float32Array
}

/** LM head outputs, one entry a read position. */
export interface TextOutputs extends Computed {
  /** Greedy token ids. */
  greedy: Int32Array
  /** Logit lead of the greedy token over the runner-up. */
  margin: Float32Array
  /** Read positions x named ids: logits. */
  named: Float32Array
}

const NONE = new Int32Array(0)

/**
 * One line of an engine's KV cache. Requests of one sequence are decoded in the order they are made. What its cells hold, and
 * what is kept of others, only the native engine knows: a request says what is to be there.
 */
export class Sequence {
  readonly id: number
  /** Positions this sequence may hold. */
  readonly capacity: number
  readonly #shared: SharedBeginning | undefined
  readonly #owner: SequenceOwner
  #length = 0
  #released = false

  constructor(id: number, capacity: number, owner: SequenceOwner, shared?: SharedBeginning) {
    this.id = id
    this.capacity = capacity
    this.#owner = owner
    this.#shared = shared
  }

  /** Positions in the KV cache once the requests made so far are done. */
  get length(): number {
    return this.#length
  }

  /** Cells that are promised to this sequence alone. */
  get ownCapacity(): number {
    return this.capacity - (this.#shared?.length ?? 0)
  }

  /** Cells that this sequence alone takes when the requests made so far are done. */
  get cells(): number {
    return Math.max(0, this.#length - (this.#shared?.length ?? 0))
  }

  /**
   * Appends tokens and reads the guard heads: at once a request of its own, when the work begins.
   *
   * @throws (fails with) DecodeError, TooLongError, GuardClosedError, `signal.reason`
   */
  heads(tokens: Int32Array, options: DecodeOptions): Begin<HeadOutputs> {
    return (done, failed) => this.#decode(tokens, options, NONE, headOutputs, done, failed)
  }

  /** Appends tokens and reads the LM head. @throws as `heads` */
  text(tokens: Int32Array, options: DecodeOptions & { named: Int32Array }): Begin<TextOutputs> {
    return (done, failed) => this.#decode(tokens, options, options.named, textOutputs, done, failed)
  }

  /** `heads`, begun. */
  decodeHeads(tokens: Int32Array, options: DecodeOptions): Promise<HeadOutputs> {
    return new Promise(this.heads(tokens, options))
  }

  /** `text`, begun. */
  decodeText(tokens: Int32Array, options: DecodeOptions & { named: Int32Array }): Promise<TextOutputs> {
    return new Promise(this.text(tokens, options))
  }

  #decode<T>(
    tokens: Int32Array,
    { read, keep = this.#length, priority = 1, signal }: DecodeOptions,
    named: Int32Array,
    take: (result: NativeResult) => T,
    done: (outputs: T) => void,
    failed: (error: unknown) => void,
  ): void {
    if (this.#released) {
      failed(new GuardClosedError('the sequence was released'))
      return
    }
    const whole = keep === 'whole'
    const kept = whole ? 0 : keep
    const length = kept + tokens.length
    if (length > this.capacity) {
      failed(new TooLongError(length, this.capacity))
      return
    }
    // Set at once, so that a request made before this one is done follows on.
    this.#length = length
    const shared = whole && this.#shared ? this.#shared.prefix.sequence : -1
    const request = { sequence: this.id, keep: whole ? WHOLE : keep, shared, tokens, read, named, priority }
    const fail = (error: unknown) => {
      // Some of the tokens may be in the cache; a next request drops them by what it keeps.
      this.#length = Math.min(this.#length, kept)
      failed(error)
    }
    const arrived = (result: NativeResult) => {
      let outputs: T
      try {
        outputs = take(result)
      } catch (error) {
        fail(error)
        return
      }
      done(outputs)
    }
    this.#owner.decode(request, signal, { done: arrived, failed: fail })
  }

  /** Gives the sequence back; its cells are freed after the work already submitted. Idempotent. */
  release(): void {
    if (this.#released) return
    this.#released = true
    this.#owner.giveBack(this, 0)
  }

  /**
   * Gives the sequence back, but has its first `length` positions kept for whole texts that begin with them, where there is
   * room. For sequences whose requests have all succeeded. Idempotent, and after `release` nothing.
   */
  keep(length: number): void {
    if (this.#released) return
    this.#released = true
    this.#owner.giveBack(this, length > this.#length ? 0 : length)
  }
}

function headOutputs({ heads, cached = 0, passes, ms }: NativeResult): HeadOutputs {
  if (!heads) throw new DecodeError('the engine gave no head outputs')
  return { heads, cached, passes, ms }
}

function textOutputs({ greedy, margin, named, cached = 0, passes, ms }: NativeResult): TextOutputs {
  if (!greedy || !margin || !named) throw new DecodeError('the engine gave no text outputs')
  return { greedy, margin, named, cached, passes, ms }
}
