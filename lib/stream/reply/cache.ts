import type { Sequence } from '../../engine/sequence.js'
import { TooLongError } from '../../errors.js'
import { begun, type Steps } from '../../event-loop.js'

/** What becomes of a reply that outgrows the context. */
export type ReplyTooLong = 'error' | 'slide'

/** @throws TypeError if it is neither */
export function checkTooLong(tooLong: unknown): asserts tooLong is ReplyTooLong {
  if (tooLong === 'error' || tooLong === 'slide') return
  throw new TypeError(`Expected tooLong to be 'error' or 'slide', got ${JSON.stringify(tooLong)}`)
}

export interface ReplyCacheParts {
  /** Holds the prompt's positions, and nothing else. */
  sequence: Pick<Sequence, 'capacity' | 'length' | 'heads'>
  /** Ids that open the reply. */
  scaffold: Int32Array
  /** Ids that open a part of the reply that lies behind its reasoning. */
  answerScaffold: Int32Array
  /** Id that ends the reasoning; null for a reply without. */
  reasoningEnd: number | null
  /** Head outputs a position. */
  width: number
  tooLong: ReplyTooLong
  signal: AbortSignal | undefined
}

/** The head outputs at one id of a reply. */
export interface IdOutputs {
  logits: Float32Array
  /** Index of the first id of the reply that the guard saw for them. */
  from: number
}

/** More ids than this are decoded like a prompt: they give way to streams that wait for a few. */
const MANY = 64

/** Ids of a reply that a context has room for at least, where it is to slide. */
const LEAST_ROOM = 32

/**
 * Reads the heads at a reply's ids and keeps the KV cache in step: what is the same as before is not decoded again.
 *
 * Where the context is to slide, each id is seen with the prompt and with those before it from a place that follows
 * from its index alone: when no further id has room, the latest half of as many as have room are decoded anew
 * behind the prompt. So the outputs do not depend on how the reply came.
 */
export class ReplyCache {
  readonly #parts: ReplyCacheParts
  readonly #promptLength: number
  /** Ids of the reply that the context has room for behind prompt and scaffold. */
  readonly room: number
  #ids: number[] = []
  /** Outputs of the latest ids, from `#known` on. */
  #outputs: IdOutputs[] = []
  #known = 0
  /** Index of the first id that the KV cache holds; null while it holds no scaffold. */
  #from: number | null = null
  #scaffold: Int32Array

  /** @throws TooLongError if there is no room to slide in */
  constructor(parts: ReplyCacheParts) {
    const { sequence, scaffold, answerScaffold } = parts
    this.#parts = parts
    this.#scaffold = scaffold
    this.#promptLength = sequence.length
    const scaffoldLength =
      parts.tooLong === 'slide' ? Math.max(scaffold.length, answerScaffold.length) : scaffold.length
    const before = this.#promptLength + scaffoldLength
    this.room = sequence.capacity - before
    if (parts.tooLong === 'slide' && this.room < LEAST_ROOM) {
      throw new TooLongError(
        before + LEAST_ROOM,
        sequence.capacity,
        `the conversation with room for ${LEAST_ROOM} tokens of the reply`,
      )
    }
  }

  /**
   * The outputs at the ids from index `at` on. Those before it are settled; those that were read from it on, and
   * are others now, are dropped.
   *
   * @throws TooLongError if they have no room and the context is not to slide; as `Sequence.heads`
   */
  *read(at: number, ids: readonly number[]): Steps<IdOutputs[]> {
    const outputs = this.#outputs.slice(at - this.#known)
    let same = 0
    while (same < Math.min(ids.length, outputs.length) && this.#ids[at + same] === ids[same]) same++
    this.rewind(at + same)
    outputs.length = same
    while (outputs.length < ids.length) {
      const next = at + outputs.length
      const from = this.#viewFrom(next)
      const end = this.#parts.tooLong === 'slide' ? from + this.room - at : ids.length
      const decoded = yield* this.#decode(from, ids.slice(outputs.length, end))
      for (const output of decoded) outputs.push(output)
    }
    this.#known = at
    this.#outputs = outputs
    return outputs
  }

  /** Drops the ids from this index on. */
  rewind(to: number): void {
    this.#ids.length = to
    this.#outputs.length = Math.max(0, Math.min(this.#outputs.length, to - this.#known))
    this.#known = Math.min(this.#known, to)
  }

  /** Index of the first id that the one at `index` is seen with. */
  #viewFrom(index: number): number {
    const { room } = this
    if (index < room || this.#parts.tooLong !== 'slide') return 0
    const step = room - Math.floor(room / 2)
    return step * (1 + Math.floor((index - room) / step))
  }

  /** Decodes ids that follow those there are, seen from the one with index `from` on. */
  *#decode(from: number, ids: readonly number[]): Steps<IdOutputs[]> {
    const { sequence, width, signal } = this.#parts
    const again = from !== this.#from
    if (again) this.#scaffold = this.#scaffoldAt(from)
    const before = again ? [...this.#scaffold, ...this.#ids.slice(from)] : []
    const tokens = Int32Array.from([...before, ...ids])
    const keep = this.#promptLength + (again ? 0 : this.#scaffold.length + this.#ids.length - from)
    // If this fails nobody knows what is in the cache.
    this.#from = null
    const read = Int32Array.from(ids, (_, i) => before.length + i)
    const priority = tokens.length > MANY ? 1 : 0
    const { heads } = yield* begun(sequence.heads(tokens, { read, keep, priority, signal }))
    this.#from = from
    for (const id of ids) this.#ids.push(id)
    return ids.map((_, i) => ({ logits: heads.slice(i * width, (i + 1) * width), from }))
  }

  #scaffoldAt(from: number): Int32Array {
    const { scaffold, answerScaffold, reasoningEnd } = this.#parts
    const answer = reasoningEnd !== null && this.#ids.slice(0, from).includes(reasoningEnd)
    return answer ? answerScaffold : scaffold
  }
}
