import { DecodeError, GuardClosedError, TooLongError } from '../errors.js'
import { nextTurn, type Steps, settled, turnIsOver } from '../event-loop.js'
import type { Category, HeadLabels, Safety } from '../labels.js'
import { shown } from '../message-parts.js'
import { leastTokens, type Tokenizer } from '../tokenizer/tokenizer.js'
import { Debounce } from './debounce.js'
import type { PromptUsage } from './events.js'
import { type IdOutputs, ReplyCache, type ReplyCacheParts, type ReplyTooLong } from './reply/cache.js'
import { idsOf, MOST_IDS, ReplyIds } from './reply/ids.js'
import { type ReasoningEnd, ReplyText, type ReplyToken } from './reply/text.js'
import { reasoningEnd, turnClosing } from './reply/turn-marks.js'
import { Turns } from './turns.js'
import {
  headOutputs,
  type PromptVerdict,
  type ReplyVerdict,
  responseHeads,
  type TokenVerdict,
} from './verdict.js'

/** What a moderation is made of; StreamGuard puts it together. */
export interface ModerationParts {
  prompt: PromptVerdict
  usage: PromptUsage
  /** Holds the prompt's positions. */
  sequence: ReplyCacheParts['sequence']
  scaffold: Int32Array
  /** What opens a part of the reply that lies behind its reasoning. */
  answerScaffold: Int32Array
  tokenizer: Tokenizer
  labels: HeadLabels
  reasoning: boolean
  tooLong: ReplyTooLong
  signal: AbortSignal | undefined
  /** Gives the sequence back. */
  release: () => void
}

/** A token's verdict as far as the reply's verdict, and going back, need it. */
interface Judged {
  risk: Safety
  category: Category | null
  text: string
  end: number
  inReasoning: boolean
  contextStart: number
}

/** UTF-16 units, and ids, that are looked at before it is asked again whether the reply still has room. */
const PIECE = 2048

/**
 * Risks at the ids that close a reply's turn, `<|im_end|>` and a line end: they are no part of the reply, and Qwen's
 * evaluation counts them. Null where the context has no room for them. A function, since it is nothing for users.
 *
 * @throws TypeError before the reply has ended; otherwise as `push`
 */
export let closingRisks: (moderation: Moderation) => Promise<Safety[] | null>

/**
 * One reply being judged: push its text, read the verdicts of its tokens.
 *
 * Calls may overlap; they are carried out in order. After an error, other than one for a wrong argument, and once its signal
 * has aborted, the moderation has failed: what was not judged by then will not be, every further call says so, and its place
 * in the engine is another's, whether it is closed or not.
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
  /** Tokens of the prompt, and how many of them did not have to be computed. */
  readonly usage: PromptUsage
  readonly #parts: ModerationParts
  readonly #reasoningEnd: ReasoningEnd | null
  readonly #cache: ReplyCache
  #text: ReplyText | null = null
  #ids: ReplyIds | null = null
  #judged: Judged[] = []
  #provisional: readonly TokenVerdict[] = []
  #debounce = new Debounce()
  readonly #turns = new Turns()
  #failure: { error: unknown } | null = null
  #ended = false
  #closed = false
  /** Of a signal of its own, since many moderations may follow one. */
  #stopListening: () => void = () => {}

  /** @internal Use StreamGuard.open. */
  constructor(parts: ModerationParts) {
    if (!parts?.sequence) {
      throw new TypeError('A Moderation is opened: `await guard.open(prompt)`, not `new Moderation()`')
    }
    this.prompt = parts.prompt
    this.usage = parts.usage
    this.#parts = parts
    this.#reasoningEnd = parts.reasoning ? reasoningEnd(parts.tokenizer) : null
    this.#cache = new ReplyCache({
      ...parts,
      reasoningEnd: this.#reasoningEnd?.id ?? null,
      width: headOutputs(parts.labels),
    })
    if (parts.signal) this.#failOnAbort(AbortSignal.any([parts.signal]))
  }

  /** Also while nothing is asked of it: nobody may ever do so again. */
  #failOnAbort(signal: AbortSignal): void {
    const onAbort = () => this.#turns.whenDone(() => this.#fail(signal.reason))
    this.#stopListening = () => signal.removeEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  }

  /** Gives its place in the engine back: nothing is judged any more. */
  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#stopListening()
    this.#parts.release()
  }

  /**
   * Takes the next piece of the reply, of any length. Resolves to the verdicts that have become final: those of
   * tokens that no further text can change.
   *
   * @throws TypeError; TooLongError if the reply no longer fits the context, or with `tooLong: 'slide'` one run of text
   *   without a break; GuardClosedError, DecodeError; `signal.reason`
   */
  push(delta: string): Promise<TokenVerdict[]> {
    const check = () => {
      if (typeof delta !== 'string') throw new TypeError(`Expected a piece of text, got ${typeof delta}`)
      this.#requireReply('push')
      if (this.#ids) throw new TypeError('This reply is pushed as ids: text cannot follow them')
    }
    return this.#inTurn(check, () => this.#pushText(delta))
  }

  *#pushText(delta: string): Steps<TokenVerdict[]> {
    const { tokenizer, tooLong } = this.#parts
    this.#text ??= new ReplyText(tokenizer, this.#stillReasoning, this.#judgedEnd)
    const text = this.#text
    const slide = tooLong === 'slide'
    const verdicts: TokenVerdict[] = []
    let tokens: ReplyToken[] = []
    // What is held is at least so many tokens: a run without end is not kept for ever.
    const held = (rest: number) => leastTokens(text.heldLength + (slide ? 0 : rest), tokenizer.longest)
    for (let at = 0; at < delta.length; at += PIECE) {
      this.#requireRoom(this.#judged.length + tokens.length, held(delta.length - at))
      const final = yield* settled(text.push(delta.slice(at, at + PIECE)))
      for (const token of final) tokens.push(token)
      if (!slide || at + PIECE >= delta.length) continue
      // Judged as it goes: a reply that slides has no end to wait for.
      for (const verdict of yield* this.#judge(tokens, [])) verdicts.push(verdict)
      tokens = []
    }
    const most = slide ? Number.POSITIVE_INFINITY : this.#cache.room
    const last = yield* this.#judge(tokens, yield* settled(text.provisional(most)), held(0))
    for (const verdict of last) verdicts.push(verdict)
    return verdicts
  }

  /**
   * Takes the next ids of a reply by a model that shares Qwen3's tokenizer. Without special tokens, but for the
   * `</think>` that ends the reasoning of a moderation opened with `reasoning: true`.
   *
   * @throws RangeError for ids that are none; otherwise as `push`
   */
  pushTokens(ids: ArrayLike<number>): Promise<TokenVerdict[]> {
    let copy: { list: number[]; over: number }
    try {
      copy = this.#copied(ids)
    } catch (error) {
      return Promise.reject(error)
    }
    const { list, over } = copy
    const { tokenizer } = this.#parts
    const reply = () => this.#ids ?? new ReplyIds(tokenizer, this.#stillReasoning, this.#judgedEnd)
    const check = () => {
      this.#requireReply('pushTokens')
      if (this.#text) throw new TypeError('This reply is pushed as text: ids cannot follow it')
      return over === 0 ? reply().check(list) : undefined
    }
    return this.#inTurn(check, () => this.#pushIds(list, over, reply))
  }

  /** The ids as they are now; of those that have no room in any case, not all. */
  #copied(ids: ArrayLike<number>): { list: number[]; over: number } {
    const slide = this.#parts.tooLong === 'slide'
    const { list, over } = idsOf(ids, slide ? MOST_IDS : this.#cache.room + 1)
    if (slide && over > 0) {
      throw new RangeError(`Expected at most ${MOST_IDS} ids at once, got ${list.length + over}`)
    }
    return { list, over }
  }

  *#pushIds(list: readonly number[], over: number, reply: () => ReplyIds): Steps<TokenVerdict[]> {
    this.#requireRoom(this.#judged.length + (this.#parts.tooLong === 'slide' ? 0 : list.length), over)
    this.#ids = reply()
    const verdicts: TokenVerdict[] = []
    for (let at = 0; at < list.length; at += PIECE) {
      const tokens = yield* settled(this.#ids.push(list.slice(at, at + PIECE)))
      for (const verdict of yield* this.#judge(tokens, [])) verdicts.push(verdict)
    }
    return verdicts
  }

  /**
   * Ends the reply. Resolves to its verdict, and with it, in `rest`, to the verdicts that were still held back: of the last
   * word, as a rule.
   *
   * @throws as `push`; TypeError if the reply has ended
   */
  end(): Promise<ReplyVerdict & { rest: TokenVerdict[] }> {
    return this.#inTurn(
      () => this.#requireReply('end'),
      () => this.#end(),
    )
  }

  *#end(): Steps<ReplyVerdict & { rest: TokenVerdict[] }> {
    const held = this.#text ? yield* settled(this.#text.end()) : (this.#ids?.end() ?? [])
    const rest = yield* this.#judge(held, [])
    this.#ended = true
    return { ...this.reply, rest }
  }

  static {
    closingRisks = (moderation) => {
      const check = () => {
        if (!moderation.#ended) throw new TypeError('Expected closingRisks after end()')
      }
      return moderation.#inTurn(check, () => moderation.#closingRisks())
    }
  }

  *#closingRisks(): Steps<Safety[] | null> {
    const { tokenizer, tooLong, labels } = this.#parts
    const count = this.#judged.length
    const ids = turnClosing(tokenizer)
    if (tooLong !== 'slide' && count + ids.length > this.#cache.room) return null
    const outputs = yield* this.#cache.read(count, ids)
    const risks = outputs.map(({ logits }) => responseHeads(logits, labels).risk)
    this.#cache.rewind(count)
    return risks
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
   * What the guard says about text that is held back, as if the reply ended with it. Held back is what later text
   * could still tokenise otherwise, such as the last word; it is judged beforehand where it is more than about 16
   * UTF-16 units (of a run of more than 256, all but its last sixteenth). The same places are judged again, and
   * then for good, when they are final, so no verdict here counts for `reply` or is returned by `push`. The array
   * is another one when anything in it has changed.
   */
  get provisional(): readonly TokenVerdict[] {
    return this.#provisional
  }

  /**
   * Offset in the reply from which the guard saw it when it judged the latest token: 0 but for replies that have
   * outgrown the context with `tooLong: 'slide'`.
   */
  get contextStart(): number {
    return this.#judged.at(-1)?.contextStart ?? 0
  }

  /** The text of the tokens judged so far: after `end()`, of the whole reply. */
  get text(): string {
    return this.#judged.map((token) => token.text).join('')
  }

  /**
   * Goes back to the reply's first `toToken` tokens, so that it can go on otherwise from there. Text that was
   * held back is dropped, and what is pushed next is tokenised on its own.
   *
   * @throws RangeError if there are not so many tokens; TypeError while a push is not done
   */
  rewind(toToken: number): void {
    this.#requireUsable()
    if (this.#turns.waiting > 0)
      throw new TypeError('Expected rewind when every push is done: await them first')
    if (!Number.isInteger(toToken) || toToken < 0 || toToken > this.#judged.length) {
      throw new RangeError(`Expected a token from 0 to ${this.#judged.length}, got ${shown(toToken)}`)
    }
    this.#judged.length = toToken
    this.#cache.rewind(toToken)
    this.#provisional = []
    this.#debounce = new Debounce()
    for (const { risk } of this.#judged) this.#debounce.push(risk)
    this.#text = null
    this.#ids = null
    this.#ended = false
  }

  /** Gives the moderation's place in the engine back. Calls that have not begun fail. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await new Promise<void>((resolve) => this.#turns.whenDone(resolve))
    this.#stopListening()
    this.#parts.release()
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /**
   * @param provisional tokens of what is held back; null if what was judged of it will do
   * @param held tokens that the text held back has at least
   */
  *#judge(
    tokens: readonly ReplyToken[],
    provisional: readonly ReplyToken[] | null,
    held = 0,
  ): Steps<TokenVerdict[]> {
    const count = this.#judged.length + tokens.length
    this.#requireRoom(count, held)
    if (tokens.length === 0 && (provisional ?? []).length === 0) return []
    // They may be more than the tokens they will turn out to be: what has no room is not judged beforehand.
    const room = this.#parts.tooLong === 'slide' ? Number.POSITIVE_INFINITY : this.#cache.room - count
    const all = [...tokens, ...(provisional ?? []).slice(0, room)]
    const outputs = yield* this.#cache.read(
      this.#judged.length,
      all.map((token) => token.id),
    )
    // Read all before taking any: an error leaves nothing half judged.
    const verdicts: TokenVerdict[] = []
    for (const [i, token] of all.entries()) {
      verdicts.push(this.#verdict(token, i, outputs[i] as IdOutputs, all))
      if (i % 64 === 63 && turnIsOver()) yield nextTurn()
    }
    this.#provisional = verdicts.splice(tokens.length)
    for (const { risk, category, text, end, part, id, contextStart = 0 } of verdicts) {
      this.#debounce.push(risk)
      const inReasoning = part === 'reasoning' && id !== this.#reasoningEnd?.id
      this.#judged.push({ risk, category, text, end, inReasoning, contextStart })
    }
    return verdicts
  }

  #verdict(token: ReplyToken, i: number, outputs: IdOutputs, all: readonly ReplyToken[]): TokenVerdict {
    const { id, text, start, end, part } = token
    const judged = this.#judged.length
    // The token that the context begins with begins where the one before it ends.
    const before = outputs.from - 1
    const contextStart = before < judged ? (this.#judged[before]?.end ?? 0) : all[before - judged]?.end
    return {
      ...{ index: judged + i, id, text, start, end, part },
      ...(contextStart && { contextStart }),
      ...responseHeads(outputs.logits, this.#parts.labels),
    }
  }

  /** @throws TooLongError if so many tokens do not fit, of which `held` are not known yet */
  #requireRoom(count: number, held: number): void {
    const { tooLong, sequence } = this.#parts
    const slide = tooLong === 'slide'
    const least = slide ? held : count + held
    if (least <= this.#cache.room) return
    const what = slide
      ? 'the conversation with a run of text without a break'
      : 'the conversation with its reply'
    const mending = slide
      ? 'break the text up or load with a larger contextSize'
      : "judge it by its latest part with `tooLong: 'slide'`, or load with a larger contextSize"
    const tokens = sequence.capacity - this.#cache.room + least
    throw new TooLongError(tokens, sequence.capacity, what, held > 0, mending)
  }

  /** Offset at which the judged part of the reply ends. */
  get #judgedEnd(): number {
    return this.#judged.at(-1)?.end ?? 0
  }

  /** The end of the reasoning that is still to come. */
  get #stillReasoning(): ReasoningEnd | null {
    return (this.#judged.at(-1)?.inReasoning ?? true) ? this.#reasoningEnd : null
  }

  /**
   * Does `work` in its turn. What `check` throws is the caller's mistake and fails nothing else; what `work` throws fails the
   * moderation, which then gives its place in the engine back.
   */
  #inTurn<T>(check: () => unknown, work: () => Steps<T>): Promise<T> {
    return this.#turns.take(() => this.#checkAnd(check, work))
  }

  *#checkAnd<T>(check: () => unknown, work: () => Steps<T>): Steps<T> {
    this.#requireUsable()
    yield* settled(check())
    try {
      return yield* work()
    } catch (error) {
      this.#fail(error)
      throw error
    }
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
