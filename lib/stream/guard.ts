import { type InternalLoadOptions, type LoadedEngine, loadEngine, requireLoaded } from '../engine/load.js'
import type { Sequence } from '../engine/sequence.js'
import { GuardClosedError, ModelKindError } from '../errors.js'
import { checkHistory, type HistoryTooLong, mostMessages } from '../history.js'
import { toMessages, type UnsupportedParts } from '../input.js'
import { checkKeys, type Keys } from '../options.js'
import { Tokenizer } from '../tokenizer/tokenizer.js'
import type { Determinism, GuardDevice, GuardStats, Input, LoadOptions, Message } from '../types.js'
import { Conversation, type ConversationOptions, checkConversation } from './conversation.js'
import type { ModerationEvent } from './events.js'
import { checkModerate, type ModerateOptions, moderateReply } from './moderate.js'
import type { Moderation } from './moderation.js'
import { checkOpen, type OpenOptions } from './open-options.js'
import { type EncodedPrompt, encodePrompt, PromptSequence, type StreamParts } from './prompt-sequence.js'
import { StreamTemplate } from './template.js'
import { headOutputs, type PromptVerdict } from './verdict.js'

/** Options of `StreamGuard.classifyPrompt`. */
export interface ClassifyPromptOptions {
  /** As for `open`. */
  history?: HistoryTooLong
  /** As for `open`. */
  queueTimeoutMs?: number
  unsupportedParts?: UnsupportedParts
  /** Aborts the check, whether it waits or runs; the promise rejects with `signal.reason`. */
  signal?: AbortSignal
}

const CLASSIFY_PROMPT_KEYS: Keys<ClassifyPromptOptions> = {
  signal: true,
  history: true,
  queueTimeoutMs: true,
  unsupportedParts: true,
}

/**
 * Qwen3Guard-Stream: judges a prompt at once, and a reply token by token while it is being written.
 *
 * @example
 * const guard = await StreamGuard.load({ model: 'guard-stream.gguf' })
 * for await (const event of guard.moderate('How do locks work?', reply)) {
 *   if (event.type === 'text') process.stdout.write(event.text)
 *   if (event.type === 'block') console.error('stopped:', event.reason)
 * }
 * await guard.close()
 */
export class StreamGuard implements AsyncDisposable {
  readonly #loaded: LoadedEngine
  readonly #parts: StreamParts
  #closed = false

  private constructor(loaded: LoadedEngine, parts: StreamParts) {
    requireLoaded(loaded, 'StreamGuard')
    this.#loaded = loaded
    this.#parts = parts
  }

  static async #create(loaded: LoadedEngine): Promise<StreamGuard> {
    const { heads } = loaded.model.description
    if (!heads || headOutputs(heads) !== loaded.model.native.headOutputs) {
      throw new ModelKindError(
        `${loaded.model.path} names ${heads ? headOutputs(heads) : 0} labels for ${loaded.model.native.headOutputs} head outputs: convert the checkpoint again`,
      )
    }
    const tokenizer = new Tokenizer(loaded.model.native)
    const template = await StreamTemplate.create(loaded.template, tokenizer)
    return new StreamGuard(loaded, { engine: loaded.engine, template, tokenizer, labels: heads })
  }

  /**
   * Loads a Stream model.
   *
   * @throws TypeError or RangeError for options; AddonLoadError, BackendError, ModelFileError, ModelKindError, MemoryError;
   *   TemplateError if the chat template is not Qwen3's; `signal.reason`
   */
  static async load(options: LoadOptions, internal: InternalLoadOptions = {}): Promise<StreamGuard> {
    const loaded = await loadEngine(options, 'stream', undefined, internal)
    try {
      return await StreamGuard.#create(loaded)
    } catch (error) {
      await loaded.close()
      throw error
    }
  }

  /**
   * Judges the last message of a conversation, a user's.
   *
   * @throws TypeError for input; TooLongError, GuardBusyError, GuardClosedError, DecodeError; `signal.reason`
   */
  async classifyPrompt(input: Input, options: ClassifyPromptOptions = {}): Promise<PromptVerdict> {
    checkKeys('the options of classifyPrompt', options, CLASSIFY_PROMPT_KEYS)
    const moderation = await this.open(input, options)
    await moderation.close()
    return moderation.prompt
  }

  /**
   * Judges the prompt and opens the moderation of the reply to it. Close it when done: it holds one of the
   * engine's sequences.
   *
   * @throws as `classifyPrompt`; TooLongError also if there is no room for a reply
   */
  async open(input: Input, options: OpenOptions = {}): Promise<Moderation> {
    checkOpen(options)
    return await this.#open(this.#messages(input, options), options)
  }

  /**
   * Moderates a reply while it arrives. The events end with `end`; text comes out in `text` events, once it
   * is judged. If the guard fails, or has no room, the reply is blocked and nothing is thrown (see
   * `policy.onFailure`). Breaking off the iteration stops the source.
   *
   * @throws TypeError or RangeError at once for arguments; while iterating, the source's error or `signal.reason`
   */
  moderate(
    input: Input,
    reply: AsyncIterable<string> | ReadableStream<string>,
    options: ModerateOptions = {},
  ): AsyncIterable<ModerationEvent> {
    checkModerate(reply, options)
    const messages = this.#messages(input, options)
    return moderateReply(
      (signal) => this.#open(messages, { ...options, signal }),
      reply,
      options,
      this.#parts.engine.closing,
    )
  }

  /**
   * Opens a conversation of several turns. It holds one of the engine's sequences until it is closed, so that each
   * turn computes only what is new.
   *
   * @throws TypeError for `messages`; GuardBusyError, GuardClosedError; `signal.reason`
   */
  async conversation(options: ConversationOptions = {}): Promise<Conversation> {
    checkConversation(options)
    const { messages = [], history = 'error', queueTimeoutMs: timeoutMs, signal } = options
    const { contextSize } = this.#parts.engine
    const most = mostMessages(history, contextSize)
    const before = messages.length > 0 ? toMessages(messages, ['system', 'user', 'assistant'], { most }) : []
    const { engine } = this.#parts
    const sequence = await engine.acquire({ cells: engine.contextSize, signal, timeoutMs })
    return new Conversation(this.#parts, new PromptSequence(this.#parts, sequence), before, history)
  }

  /** Where it computes, and why there. */
  get device(): GuardDevice {
    return this.#loaded.device
  }

  /** Whether a verdict's numbers follow from the text alone. */
  get determinism(): Determinism {
    return this.#loaded.determinism
  }

  /** Queue, sequences, KV cells and speed. */
  stats(): GuardStats {
    return this.#loaded.engine.stats()
  }

  /** Fails open moderations with GuardClosedError and frees the model. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#loaded.close()
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #messages(input: Input, { history = 'error', unsupportedParts }: OpenOptions): Message[] {
    checkHistory(history)
    return toMessages(input, ['user'], {
      most: mostMessages(history, this.#parts.engine.contextSize),
      unsupportedParts,
    })
  }

  async #open(
    messages: Message[],
    { reasoning = false, tooLong = 'error', history = 'error', queueTimeoutMs, signal }: OpenOptions,
  ): Promise<Moderation> {
    signal?.throwIfAborted()
    if (this.#closed) throw new GuardClosedError('the guard is closed: load another')
    const { engine } = this.#parts
    const arrive = engine.announce()
    let acquiring: Promise<Sequence>
    let prompt: EncodedPrompt
    try {
      prompt = await encodePrompt(this.#parts, messages, reasoning, history)
      // The reply's length is not known: it may take all that the context has left.
      arrive()
      const timeoutMs = queueTimeoutMs
      acquiring = engine.acquire({ cells: engine.contextSize, signal, timeoutMs })
    } finally {
      arrive()
    }
    const sequence = await acquiring
    const release = () => sequence.release()
    try {
      const options = { reasoning, tooLong, signal, release }
      return await new PromptSequence(this.#parts, sequence).open(prompt, options)
    } catch (error) {
      release()
      throw error
    }
  }
}
