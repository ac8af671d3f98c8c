import { type LoadedEngine, loadEngine } from '../engine/load.js'
import { Tokenizer } from '../engine/tokens.js'
import { GuardClosedError, ModelKindError, TooLongError } from '../errors.js'
import { toMessages } from '../input.js'
import type { HeadLabels } from '../models/describe.js'
import { checkPolicy } from '../policy.js'
import type { GuardStats, Input, LoadOptions, Message } from '../types.js'
import { headOutputs, type PromptVerdict, promptVerdict } from '../verdict.js'
import { type ModerateOptions, type ModerationEvent, moderateReply } from './moderate.js'
import { Moderation } from './moderation.js'
import { checkHoldBack } from './release.js'
import { checkReply } from './reply-source.js'
import { StreamTemplate } from './template.js'

export interface ClassifyPromptOptions {
  signal?: AbortSignal
}

export interface OpenOptions {
  /** Whether the reply begins inside the model's reasoning, up to `</think>`. Default false. */
  reasoning?: boolean
  /** Aborts the opening and every push. */
  signal?: AbortSignal
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
  readonly #labels: HeadLabels
  readonly #tokenizer: Tokenizer
  readonly #template: StreamTemplate
  #closed = false

  private constructor(loaded: LoadedEngine) {
    const { heads } = loaded.model.description
    if (!heads || headOutputs(heads) !== loaded.model.native.headOutputs) {
      throw new ModelKindError(
        `${loaded.model.path} names ${heads ? headOutputs(heads) : 0} labels for ${loaded.model.native.headOutputs} head outputs: convert the checkpoint again`,
      )
    }
    this.#loaded = loaded
    this.#labels = heads
    this.#tokenizer = new Tokenizer(loaded.model.native)
    this.#template = new StreamTemplate(loaded.template, this.#tokenizer)
  }

  /**
   * Loads a Stream model.
   *
   * @throws TypeError or RangeError for options; AddonLoadError, ModelFileError, ModelKindError, MemoryError;
   *   TemplateError if the chat template is not Qwen3's; `signal.reason`
   */
  static async load(options: LoadOptions = {}): Promise<StreamGuard> {
    const loaded = await loadEngine(options, 'stream')
    try {
      return new StreamGuard(loaded)
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
  async classifyPrompt(input: Input, { signal }: ClassifyPromptOptions = {}): Promise<PromptVerdict> {
    const moderation = await this.open(input, signal ? { signal } : {})
    await moderation.close()
    return moderation.prompt
  }

  /**
   * Judges the prompt and opens the moderation of the reply to it. Close it when done: it holds one of the
   * engine's sequences.
   *
   * @throws as `classifyPrompt`; TooLongError also if there is no room for a reply
   */
  async open(input: Input, { reasoning = false, signal }: OpenOptions = {}): Promise<Moderation> {
    return await this.#open(toMessages(input, ['user']), reasoning, signal)
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
    const messages = toMessages(input, ['user'])
    checkReply(reply)
    if (options.policy !== undefined) checkPolicy(options.policy)
    if (options.holdBack !== undefined) checkHoldBack(options.holdBack)
    const { reasoning = false, signal } = options
    return moderateReply(() => this.#open(messages, reasoning, signal), reply, options)
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #open(messages: Message[], reasoning: boolean, signal: AbortSignal | undefined): Promise<Moderation> {
    signal?.throwIfAborted()
    if (this.#closed) throw new GuardClosedError('the guard is closed: load another')
    const { prompt, scaffold } = await this.#template.encode(messages, reasoning)
    const { engine } = this.#loaded
    const positions = prompt.length + scaffold.length
    if (positions > engine.contextSize) {
      throw new TooLongError(positions, engine.contextSize, 'the conversation')
    }
    // The reply's length is not known: it may take all that the context has left.
    const sequence = await engine.acquire({ cells: engine.contextSize, signal })
    try {
      const read = Int32Array.of(prompt.length - 1)
      const { heads } = await sequence.decodeHeads(prompt, { read, signal })
      return new Moderation({
        prompt: promptVerdict(heads, this.#labels),
        sequence,
        scaffold,
        tokenizer: this.#tokenizer,
        labels: this.#labels,
        reasoning,
        signal,
      })
    } catch (error) {
      sequence.release()
      throw error
    }
  }
}
