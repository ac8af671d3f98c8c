import type { Sequence } from '../engine/sequence.js'
import type { Tokenizer } from '../engine/tokens.js'
import { DecodeError, GuardClosedError, ModelKindError, TooLongError } from '../errors.js'
import type { HeadLabels } from '../models/describe.js'
import type { Category, Safety } from '../types.js'
import {
  headOutputs,
  type PromptVerdict,
  type ReplyVerdict,
  responseHeads,
  type TokenVerdict,
} from '../verdict.js'
import { Debounce } from './debounce.js'
import { ReplyIds } from './reply-ids.js'
import { type ReasoningEnd, ReplyText, type ReplyToken } from './reply-text.js'

/** What a moderation is made of; StreamGuard puts it together. */
export interface ModerationParts {
  prompt: PromptVerdict
  /** Holds the prompt's positions. */
  sequence: Sequence
  scaffold: Int32Array
  tokenizer: Tokenizer
  labels: HeadLabels
  reasoning: boolean
  signal: AbortSignal | undefined
}

/** A token's verdict as far as the reply's verdict, and going back, need it. */
interface Judged {
  risk: Safety
  category: Category | null
  end: number
  inReasoning: boolean
}

/** More tokens than this are decoded like a prompt: they give way to streams that wait for a few. */
const MANY_TOKENS = 64

/** UTF-16 units of raw text that NFC can make one byte of: a letter with several marks becomes three bytes. */
const UNITS_A_BYTE = 2

/**
 * One reply being judged: push its text, read the verdicts of its tokens.
 *
 * Calls may overlap; they are carried out in order. After an error, other than one for a wrong argument, the
 * moderation has failed: what was not judged by then will not be, and every further call says so.
 *
 * @example
 * const moderation = await guard.open('How do locks work?')
 * try {
 *   for await (const delta of reply) {
 *     for (const token of await moderation.push(delta)) console.log(token.text, token.risk)
 *   }
 *   const { safety, rest } = await moderation.end()
 * } finally {
 *   await moderation.close()
 * }
 */
export class Moderation implements AsyncDisposable {
  /** The verdict about the conversation's last user message. */
  readonly prompt: PromptVerdict
  readonly #parts: ModerationParts
  readonly #reasoningEnd: ReasoningEnd | null
  readonly #promptLength: number
  #text: ReplyText | null = null
  #ids: ReplyIds | null = null
  #judged: Judged[] = []
  #debounce = new Debounce()
  #scaffoldFed = false
  #queue: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #failure: { error: unknown } | null = null
  #ended = false
  #closed = false

  /** @internal Use StreamGuard.open. */
  constructor(parts: ModerationParts) {
    this.prompt = parts.prompt
    this.#parts = parts
    this.#promptLength = parts.sequence.length
    this.#reasoningEnd = parts.reasoning ? reasoningEnd(parts.tokenizer) : null
  }

  /**
   * Takes the next piece of the reply, of any length. Resolves to the verdicts that have become final: those of
   * tokens that no further text can change.
   *
   * @throws TypeError; TooLongError if the reply no longer fits the context; GuardClosedError, DecodeError; `signal.reason`
   */
  async push(delta: string): Promise<TokenVerdict[]> {
    if (typeof delta !== 'string') throw new TypeError(`Expected a piece of text, got ${typeof delta}`)
    const check = () => {
      this.#requireReply('push')
      if (this.#ids) throw new TypeError('This reply is pushed as ids: text cannot follow them')
    }
    return await this.#inTurn(check, () => {
      this.#text ??= new ReplyText(this.#parts.tokenizer, this.#stillReasoning, this.#end)
      const tokens = this.#text.push(delta)
      // What is held is at least so many tokens: a run without end is not kept for ever.
      const held = Math.floor(this.#text.heldLength / (UNITS_A_BYTE * this.#parts.tokenizer.longest))
      return this.#judge(tokens, held)
    })
  }

  /**
   * Takes the next ids of a reply by a model that shares Qwen3's tokenizer. Without special tokens, but for the
   * `</think>` that ends the reasoning of a moderation opened with `reasoning: true`.
   *
   * @throws RangeError for ids that are none; otherwise as `push`
   */
  async pushTokens(ids: ArrayLike<number>): Promise<TokenVerdict[]> {
    const list = Array.from(ids)
    const reply = () => this.#ids ?? new ReplyIds(this.#parts.tokenizer, this.#stillReasoning, this.#end)
    const check = () => {
      this.#requireReply('pushTokens')
      if (this.#text) throw new TypeError('This reply is pushed as text: ids cannot follow it')
      reply().check(list)
    }
    return await this.#inTurn(check, () => {
      this.#ids = reply()
      return this.#judge(this.#ids.push(list))
    })
  }

  /** Ends the reply. Resolves to its verdict and to the verdicts that were still held back. */
  async end(): Promise<ReplyVerdict & { rest: TokenVerdict[] }> {
    const check = () => this.#requireReply('end')
    return await this.#inTurn(check, async () => {
      const rest = await this.#judge(this.#text?.end() ?? this.#ids?.end() ?? [])
      this.#ended = true
      return { ...this.reply, rest }
    })
  }

  /**
   * The verdict about the tokens judged so far, debounced by Qwen's rule. Until the reply has ended it is never
   * Safe: unless a token has decided, it is Unsafe with `at` null.
   */
  get reply(): ReplyVerdict {
    const { safety, at } = this.#debounce.verdict
    const verdict = { tokenCount: this.#judged.length, complete: this.#ended }
    if (at !== null) return { safety, category: this.#judged[at]?.category ?? null, at, ...verdict }
    return { safety: this.#ended ? 'Safe' : 'Unsafe', category: null, at: null, ...verdict }
  }

  /**
   * Goes back to the reply's first `toToken` tokens, so that it can go on otherwise from there. Text that was
   * held back is dropped, and what is pushed next is tokenised on its own.
   *
   * @throws RangeError if there are not so many tokens; TypeError while a push is not done
   */
  rewind(toToken: number): void {
    this.#requireUsable()
    if (this.#waiting > 0) throw new TypeError('Expected rewind when every push is done: await them first')
    if (!Number.isInteger(toToken) || toToken < 0 || toToken > this.#judged.length) {
      throw new RangeError(`Expected a token from 0 to ${this.#judged.length}, got ${toToken}`)
    }
    this.#judged.length = toToken
    this.#debounce = new Debounce()
    for (const { risk } of this.#judged) this.#debounce.push(risk)
    this.#text = null
    this.#ids = null
    this.#ended = false
  }

  /** Gives the moderation's place in the engine back. Calls that have not begun fail. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#queue
    this.#parts.sequence.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @param held tokens that the text held back has at least */
  async #judge(tokens: readonly ReplyToken[], held = 0): Promise<TokenVerdict[]> {
    const { sequence, scaffold, labels, signal } = this.#parts
    const total = this.#promptLength + scaffold.length + this.#judged.length + tokens.length + held
    if (total > sequence.capacity) {
      throw new TooLongError(total, sequence.capacity, 'the conversation with its reply')
    }
    if (tokens.length === 0) return []
    const before = this.#scaffoldFed ? 0 : scaffold.length
    const keep = this.#promptLength + (this.#scaffoldFed ? scaffold.length + this.#judged.length : 0)
    const ids = tokens.map((token) => token.id)
    const { heads } = await sequence.decodeHeads(Int32Array.from([...scaffold.subarray(0, before), ...ids]), {
      read: Int32Array.from(ids, (_, i) => before + i),
      keep,
      priority: ids.length > MANY_TOKENS ? 1 : 0,
      signal,
    })
    const width = headOutputs(labels)
    // Read all before taking any: an error leaves nothing half judged.
    const verdicts = tokens.map((token, i): TokenVerdict => {
      const { id, text, start, end, part } = token
      const logits = heads.subarray(i * width, (i + 1) * width)
      return { index: this.#judged.length + i, id, text, start, end, part, ...responseHeads(logits, labels) }
    })
    this.#scaffoldFed = true
    for (const { risk, category, end, part, id } of verdicts) {
      this.#debounce.push(risk)
      this.#judged.push({
        risk,
        category,
        end,
        inReasoning: part === 'reasoning' && id !== this.#reasoningEnd?.id,
      })
    }
    return verdicts
  }

  /** Offset at which the judged part of the reply ends. */
  get #end(): number {
    return this.#judged.at(-1)?.end ?? 0
  }

  /** The end of the reasoning that is still to come. */
  get #stillReasoning(): ReasoningEnd | null {
    return (this.#judged.at(-1)?.inReasoning ?? true) ? this.#reasoningEnd : null
  }

  /** Does `work` after the calls before it. What `check` throws is the caller's mistake and fails nothing else. */
  #inTurn<T>(check: () => void, work: () => Promise<T>): Promise<T> {
    this.#waiting += 1
    const turn = this.#queue.then(async () => {
      try {
        this.#requireUsable()
        check()
        try {
          return await work()
        } catch (error) {
          this.#failure = { error }
          throw error
        }
      } finally {
        this.#waiting -= 1
      }
    })
    this.#queue = turn.catch(() => {})
    return turn
  }

  #requireUsable(): void {
    if (this.#failure) {
      const { error } = this.#failure
      if (this.#parts.signal?.aborted) throw this.#parts.signal.reason
      const what = error instanceof Error ? error.message : String(error)
      throw new DecodeError(`this moderation failed earlier and judges nothing any more: ${what}`, {
        cause: error,
      })
    }
    if (this.#closed) throw new GuardClosedError('the moderation is closed: open another')
  }

  #requireReply(call: string): void {
    if (this.#ended) throw new TypeError(`Expected no ${call} after end(): the reply is over`)
  }
}

function reasoningEnd(tokenizer: Tokenizer): ReasoningEnd {
  const text = '</think>'
  const id = tokenizer.addedId(text)
  if (id === undefined)
    throw new ModelKindError(`this model's vocabulary has no ${text}: it cannot judge reasoning`)
  return { text, id }
}
