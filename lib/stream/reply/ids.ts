import { nextTurn, turnIsOver } from '../../event-loop.js'
import type { Tokenizer } from '../../tokenizer/tokenizer.js'
import { characterEnds, type ReasoningEnd, type ReplyToken } from './text.js'

/** No character has more bytes than four, so a longer run of tokens is not one unfinished character. */
const LONGEST_GROUP = 4

/**
 * A reply that arrives as ids of the guard's own vocabulary: they are final as they come. Held back are
 * only tokens that end inside a character, until it is whole and its place in the text is known.
 */
export class ReplyIds {
  readonly #tokenizer: Tokenizer
  readonly #reasoningEnd: ReasoningEnd | null
  #inReasoning: boolean
  #group: number[] = []
  #start: number
  /** What may yet be taken off the beginning: the opening tag, or the line end behind it. */
  #mayOpen: 'tag' | 'line end' | null
  /** The opening that was taken off, until a token's span takes it up. */
  #opened = ''

  constructor(tokenizer: Tokenizer, reasoningEnd: ReasoningEnd | null, start = 0) {
    this.#tokenizer = tokenizer
    this.#reasoningEnd = reasoningEnd
    this.#inReasoning = reasoningEnd !== null
    this.#mayOpen = reasoningEnd?.opening !== undefined && start === 0 ? 'tag' : null
    this.#start = start
  }

  /** @throws RangeError, before anything is taken, if an id is none of the vocabulary's or stands for no text. */
  async check(ids: readonly number[]): Promise<void> {
    let inReasoning = this.#inReasoning
    for (const [at, id] of ids.entries()) {
      if (!Number.isInteger(id) || id < 0 || id >= this.#tokenizer.size) {
        throw new RangeError(`Expected ids from 0 to ${this.#tokenizer.size - 1}, got ${id} at index ${at}`)
      }
      if (at === 0 && this.#mayOpen === 'tag' && id === this.#reasoningEnd?.opening?.id) continue
      if (inReasoning && id === this.#reasoningEnd?.id) {
        inReasoning = false
      } else if (this.#tokenizer.lengths[id] === 0) {
        throw new RangeError(
          `Id ${id} at index ${at} is a special token and no part of a reply: end the reply before it`,
        )
      }
      if (at % 1024 === 1023 && turnIsOver()) await nextTurn()
    }
  }

  /** In turns of the event loop: calls must not overlap. */
  async push(ids: readonly number[]): Promise<ReplyToken[]> {
    const tokens = await this.#tokensOf(ids)
    return this.#withOpening(tokens)
  }

  /** Whether `id` belongs to the opening, which is then taken off. */
  #isOpening(id: number): boolean {
    const expected = this.#mayOpen
    this.#mayOpen = null
    if (expected === 'tag' && id === this.#reasoningEnd?.opening?.id) {
      this.#opened = this.#reasoningEnd.opening.text
      this.#mayOpen = 'line end'
    } else if (expected === 'line end' && this.#tokenizer.decode(Int32Array.of(id)) === '\n') {
      this.#opened += '\n'
    } else return false
    return true
  }

  /** The spans tile the reply: the first token's begins where the opening does. */
  #withOpening(tokens: ReplyToken[]): ReplyToken[] {
    const opened = this.#opened
    const [first, ...others] = tokens
    if (opened === '' || first === undefined) return tokens
    this.#opened = ''
    this.#start += opened.length
    const moved = (token: ReplyToken) => ({
      ...token,
      start: token.start + opened.length,
      end: token.end + opened.length,
    })
    return [{ ...first, end: first.end + opened.length, text: opened + first.text }, ...others.map(moved)]
  }

  async #tokensOf(ids: readonly number[]): Promise<ReplyToken[]> {
    const tokens: ReplyToken[] = []
    for (const [at, id] of ids.entries()) {
      if (at % 64 === 63 && turnIsOver()) await nextTurn()
      if (this.#mayOpen !== null && this.#isOpening(id)) continue
      if (this.#inReasoning && id === this.#reasoningEnd?.id) {
        tokens.push(...this.#whole())
        const { text } = this.#reasoningEnd
        tokens.push({ id, start: this.#start, end: this.#start + text.length, text, part: 'reasoning' })
        this.#start += text.length
        this.#inReasoning = false
        continue
      }
      this.#group.push(id)
      const text = this.#tokenizer.decode(Int32Array.from(this.#group))
      if (!text.endsWith('\uFFFD') || this.#group.length >= LONGEST_GROUP) tokens.push(...this.#whole())
    }
    return tokens
  }

  /** The tokens that were still held back. */
  end(): ReplyToken[] {
    return this.#withOpening(this.#whole())
  }

  #whole(): ReplyToken[] {
    const text = this.#tokenizer.decode(Int32Array.from(this.#group))
    const ends = characterEnds([{ raw: text, text }])
    const part = this.#inReasoning ? 'reasoning' : 'answer'
    let bytes = 0
    let start = 0
    const tokens = this.#group.map((id, i): ReplyToken => {
      bytes += this.#tokenizer.lengths[id] ?? 0
      // Bytes that are no character count as U+FFFD, of another length: what is left is then the last one's.
      const end = i === this.#group.length - 1 ? text.length : Math.max(start, ends.at(bytes))
      const token = {
        id,
        start: this.#start + start,
        end: this.#start + end,
        text: text.slice(start, end),
        part,
      } as const
      start = end
      return token
    })
    this.#start += text.length
    this.#group = []
    return tokens
  }
}

/** Ids that are taken at once of a reply that slides; there is no end to what may be pushed after another. */
export const MOST_IDS = 1 << 24

/**
 * A copy of the first `most` ids, and how many there are over that. A proxy of the caller's may throw, or say what no list does.
 * @throws TypeError
 */
export function idsOf(ids: ArrayLike<number>, most: number): { list: number[]; over: number } {
  let length: unknown
  try {
    length = (ids as { length?: unknown } | null | undefined)?.length
    if (typeof ids === 'object' && Number.isSafeInteger(length) && (length as number) >= 0) {
      const count = Math.min(length as number, most)
      return {
        list: Array.from({ length: count }, (_, i) => ids[i] as number),
        over: (length as number) - count,
      }
    }
  } catch (cause) {
    throw new TypeError(`The ids cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
  throw new TypeError(`Expected an array of ids, got ${ids === null ? 'null' : typeof ids}`)
}
