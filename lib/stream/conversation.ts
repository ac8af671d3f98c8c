import { GuardClosedError } from '../errors.js'
import { checkHistory, type HistoryTooLong, mostMessages } from '../history.js'
import { type InputReading, toMessages } from '../input.js'
import { checkKeys, checkSignal, checkTimeout, type Keys } from '../options.js'
import { trimLineEnds, withoutOpening } from '../reasoning.js'
import { commonLength } from '../tokenizer/common-length.js'
import type { Input, Message } from '../types.js'
import { untilAborted } from '../until-aborted.js'
import type { ModerationEvent } from './events.js'
import { checkModerate, type ModerateOptions, type ModerationEvents, moderateReply } from './moderate.js'
import type { Moderation } from './moderation.js'
import { checkOpen, type OpenOptions } from './open-options.js'
import { encodePrompt, type PromptSequence, type StreamParts } from './prompt-sequence.js'
import type { ReplyTooLong } from './reply/cache.js'
import { type ReplyStream, stopReply } from './reply/source.js'

/** Options of `StreamGuard.conversation`. */
export interface ConversationOptions {
  /** What was said before. Default: nothing. */
  messages?: readonly Message[]
  /**
   * What becomes of the conversation when it outgrows the context: every further turn is an error, or the oldest ones
   * are left out of what is judged, as `open` does. `messages` still has them. Default `'error'`.
   */
  history?: HistoryTooLong
  /** Milliseconds to wait for a place in the engine before GuardBusyError. Default: as long as it takes. */
  queueTimeoutMs?: number
  /** Aborts the wait for a sequence. */
  signal?: AbortSignal
}

const CONVERSATION_KEYS: Keys<ConversationOptions> = {
  messages: true,
  history: true,
  queueTimeoutMs: true,
  signal: true,
}

/** @throws TypeError for what `StreamGuard.conversation` cannot take */
export function checkConversation(options: ConversationOptions): void {
  checkKeys('the options of conversation', options, CONVERSATION_KEYS)
  const { messages, history, queueTimeoutMs, signal } = options
  checkTimeout('queueTimeoutMs', queueTimeoutMs)
  if (history !== undefined) checkHistory(history)
  if (messages !== undefined && !Array.isArray(messages)) {
    throw new TypeError(`Expected \`messages\` to be an array of messages, got ${typeof messages}`)
  }
  checkSignal(signal)
}

/** A prompt and the reply to it, from their beginning until the moderation is closed. */
interface Turn {
  /** Up to the user's message that is judged. */
  messages: readonly Message[]
  /** What the assistant had said to it before. */
  said: Message | null
  reasoning: boolean
  tooLong: ReplyTooLong
  history: HistoryTooLong
  /** What is known to have been shown of the reply. */
  shown: () => string
  /** Null until the prompt is judged. */
  moderation: Moderation | null
}

/** The last reply's way into the sequence, as prompts to come will have it. */
interface Preparation {
  /** Null until they are known. */
  ids: Int32Array | null
  stop: AbortController
  /** Never rejects. */
  done: Promise<void>
}

/**
 * A conversation that is judged turn by turn. It keeps what it has computed: of each turn only what is new is
 * computed again, and the reply once more, as the template writes it without its reasoning; that happens in the
 * background, as soon as the moderation of the reply is closed.
 *
 * @example
 * await using conversation = await guard.conversation()
 * for await (const event of conversation.moderate('How do locks work?', model.reply(…))) show(event)
 * for await (const event of conversation.moderate('And padlocks?', model.reply(…))) show(event)
 */
export class Conversation implements AsyncDisposable {
  readonly #parts: StreamParts
  readonly #sequence: PromptSequence
  #messages: readonly Message[]
  readonly #history: HistoryTooLong
  #turn: Turn | null = null
  #preparation: Preparation | null = null
  #closed = false
  /** Ends the judgement of a prompt when the conversation is closed meanwhile. */
  readonly #closing = new AbortController()

  /** @internal Use StreamGuard.conversation. */
  constructor(
    parts: StreamParts,
    sequence: PromptSequence,
    messages: readonly Message[],
    history: HistoryTooLong = 'error',
  ) {
    if (!parts?.engine) {
      throw new TypeError('A Conversation is opened: `await guard.conversation()`, not `new Conversation()`')
    }
    this.#history = history
    this.#parts = parts
    this.#sequence = sequence
    this.#messages = copied(messages)
    this.#prepare()
  }

  /**
   * The conversation so far, which the next text goes on from: of a reply opened with `open()` all of it once it
   * has ended, of one moderated with `moderate()` what was released.
   */
  get messages(): Message[] {
    return copied(this.#turn ? messagesAfter(this.#turn, this.#messages) : this.#messages)
  }

  /**
   * Judges the prompt and opens the moderation of the reply to it, as `StreamGuard.open` does. A text is the user's
   * next message. Messages are the whole conversation as it now is, whatever it was before.
   *
   * @throws as `StreamGuard.open`, after which the messages are what they were before; TypeError while another
   *   moderation of this conversation is neither ended nor closed
   */
  async open(input: Input, options: OpenOptions = {}): Promise<Moderation> {
    checkOpen(options)
    const turn = await this.#begin(input, null, options)
    try {
      const moderation = await this.#judge(turn, options.signal, () => this.#finish(turn))
      turn.shown = () => (moderation.reply.complete ? moderation.text : '')
      return moderation
    } catch (error) {
      this.#finish(turn)
      throw error
    }
  }

  /**
   * Moderates the reply to a prompt while it arrives, as `StreamGuard.moderate` does, with the input of `open`.
   * Messages may end with an assistant's: what was released of the same reply, which then goes on from its end (of its
   * reasoning, with `reasoning: true`). That is judged again with what comes, and offsets and indices count it.
   *
   * @throws as `StreamGuard.moderate`; while iterating, TypeError as `open`
   */
  moderate(input: Input, reply: ReplyStream, options: ModerateOptions = {}): AsyncIterable<ModerationEvent> {
    checkModerate(reply, options)
    const { prompt, said } = turnOf(input, {
      most: this.#most(options.history ?? this.#history),
      unsupportedParts: options.unsupportedParts,
    })
    return this.#moderate(prompt, said, reply, options)
  }

  /** Closes the moderation under way and gives the conversation's place in the engine back. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#turn?.moderation === null) this.#closing.abort(closedError())
    this.#preparation?.stop.abort()
    await this.#turn?.moderation?.close()
    this.#sequence.release()
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #moderate(
    prompt: Input,
    said: Message | null,
    reply: ReplyStream,
    options: ModerateOptions,
  ): ModerationEvents {
    let turn: Turn | undefined
    let begun: Promise<void> | undefined
    let released = ''
    const begin = async () => {
      turn = await this.#begin(prompt, said, options)
      turn.shown = () => released
    }
    const open = (signal: AbortSignal) => this.#judge(turn as Turn, signal, () => {})
    const { closing } = this.#parts.engine
    const before = said ? textOf(said, options.reasoning) : ''
    const events = moderateReply(open, reply, options, closing, before)
    const follow = async (step: Promise<IteratorResult<ModerationEvent, void>>) => {
      let over = true
      try {
        const result = await step
        over = result.done === true
        if (!result.done && result.value.type === 'text') released += result.value.text
        return result
      } finally {
        if (over && turn) this.#finish(turn)
      }
    }
    // No generator: its `return` would wait for the event that is asked for.
    return {
      [Symbol.asyncIterator]() {
        return this
      },
      next: () => {
        begun ??= begin().catch((error) => {
          stopReply(reply)
          throw error
        })
        return follow(begun.then(() => events.next()))
      },
      return: () => follow(events.return()),
    }
  }

  async #begin(
    input: Input,
    said: Message | null,
    { reasoning = false, tooLong = 'error', history = this.#history, unsupportedParts }: OpenOptions,
  ): Promise<Turn> {
    const given = toMessages(input, ['user'], { most: this.#most(history), unsupportedParts })
    if (this.#turn?.moderation?.reply.complete) await this.#turn.moderation.close()
    if (this.#turn) {
      throw new TypeError('Expected one moderation at a time: end or close the one under way first')
    }
    const messages = copied(typeof input === 'string' ? [...this.#messages, ...given] : given)
    this.#turn = { messages, said, reasoning, tooLong, history, shown: () => '', moderation: null }
    return this.#turn
  }

  async #judge(turn: Turn, given: AbortSignal | undefined, release: () => void): Promise<Moderation> {
    given?.throwIfAborted()
    const closing = this.#closing.signal
    const signal = given ? AbortSignal.any([given, closing]) : closing
    this.#requireOpen()
    const { reasoning, tooLong, history } = turn
    const prompt = await encodePrompt(this.#parts, turn.messages, reasoning, history)
    await this.#prepared(prompt.prompt, signal)
    const moderation = await this.#sequence.open(prompt, { reasoning, tooLong, signal, release })
    this.#requireOpen()
    turn.moderation = moderation
    return moderation
  }

  #most(history: HistoryTooLong): number {
    return mostMessages(history, this.#parts.engine.contextSize)
  }

  #requireOpen(): void {
    if (this.#closed) throw closedError()
  }

  #finish(turn: Turn): void {
    if (this.#turn !== turn) return
    this.#turn = null
    this.#messages = messagesAfter(turn, this.#messages)
    if (turn.moderation) this.#prepare()
  }

  #prepare(): void {
    if (this.#closed || this.#messages.at(-1)?.role !== 'assistant') return
    const stop = new AbortController()
    const preparation: Preparation = { ids: null, stop, done: Promise.resolve() }
    const work = async () => {
      const { template, engine } = this.#parts
      preparation.ids = await template.encodeHistory(this.#messages, engine.contextSize)
      if (preparation.ids) await this.#sequence.prepare(preparation.ids, stop.signal)
    }
    // Whatever fails here is tried again, and told, when the next prompt is judged.
    preparation.done = work().catch(() => {})
    this.#preparation = preparation
  }

  /** Waits for the preparation, unless the prompt turned out to be another. */
  async #prepared(prompt: Int32Array, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#preparation) return
    const { ids, stop, done } = this.#preparation
    if (ids === null || commonLength(prompt, ids) < ids.length) stop.abort()
    await untilAborted(done, signal)
    this.#preparation = null
  }
}

/**
 * Takes from messages what the assistant has said after the user's last one. They are copied: the turn begins later.
 * @throws TypeError
 */
function turnOf(input: Input, options: InputReading): { prompt: Input; said: Message | null } {
  const messages = toMessages(input, ['user', 'assistant'], options)
  const last = messages.at(-1) as Message
  if (last.role === 'user') return { prompt: typeof input === 'string' ? input : messages, said: null }
  return { prompt: toMessages(messages.slice(0, -1), ['user']), said: last }
}

/** The part of a message that a reply goes on from. */
function textOf({ content, reasoning = '' }: Message, ofReasoning = false): string {
  return ofReasoning ? reasoning : content
}

/** What a turn makes of the messages. A prompt that was not judged leaves them as they were, unless it was answered. */
function messagesAfter({ messages, said, reasoning, shown, moderation }: Turn, before: readonly Message[]) {
  const text = shown()
  if (text !== '') return [...messages, replyMessage(text, reasoning, said)]
  if (!moderation) return before
  return said ? [...messages, said] : messages
}

function closedError(): GuardClosedError {
  return new GuardClosedError('the conversation is closed: open another')
}

/** A reply as a message, with its reasoning apart as Qwen3's template takes it apart. */
function replyMessage(text: string, reasoning: boolean, said: Message | null): Message {
  const before: Message = said ?? { role: 'assistant', content: '' }
  const whole = textOf(before, reasoning) + text
  if (!reasoning) return { ...before, content: whole }
  const [thought = '', ...rest] = whole.split('</think>')
  return {
    role: 'assistant',
    content: before.content + trimLineEnds(rest.join('</think>'), false),
    reasoning: trimLineEnds(withoutOpening(thought)),
  }
}

function copied(messages: readonly Message[]): Message[] {
  return messages.map((message) => ({ ...message }))
}
