import { type LoadedEngine, loadEngine } from '../engine/load.js'
import { untilAborted } from '../engine/model.js'
import type { Sequence } from '../engine/sequence.js'
import { Tokenizer } from '../engine/tokens.js'
import { GenFormatError, GuardClosedError, TooLongError } from '../errors.js'
import { toMessages } from '../input.js'
import type { GuardStats, Input, LoadOptions } from '../types.js'
import { decodeAnswer, MAX_ANSWER_TOKENS } from './answer.js'
import { type AnswerTokens, findAnswerTokens } from './answer-tokens.js'
import { inOrder } from './in-order.js'
import { type GenAnswer, parseGen } from './parse.js'
import { type GenScores, readScores } from './scores.js'
import { commonLength, type GenMode, GenTemplate, modeOf } from './template.js'

/** Gen's verdict about the last message of a conversation. */
export interface GenVerdict extends GenAnswer {
  /** The model's answer as written: what greedy decoding gives. */
  text: string
  scores: GenScores
  usage: GenUsage
}

export interface GenUsage {
  promptTokens: number
  /** Of these, tokens taken from the shared safety policy instead of computed. */
  cachedTokens: number
  /** Tokens of the answer, the one that ends it included. */
  generatedTokens: number
  /** llama_decode calls this took part in, and their wall time. */
  passes: number
  ms: number
}

export interface ClassifyOptions {
  signal?: AbortSignal
}

export interface ClassifyAllOptions {
  /** Inputs in work at a time. Default: the engine's sequences. */
  concurrency?: number
  signal?: AbortSignal
}

/** Settings for tests and measurements. */
interface InternalOptions {
  drafts: boolean
}

/** Prompts that begin alike for fewer tokens than this are not worth a sequence. */
const SHORTEST_SHARED = 16

/** Sequences below which none is spent on the policy text. */
const SEQUENCES_TO_SHARE = 4

interface SharedHead {
  ids: Int32Array
  sequence: Sequence
}

/**
 * Qwen3Guard-Gen: reads a whole conversation and judges its last message.
 *
 * @example
 * const guard = await GenGuard.load({ model: 'guard-gen.gguf' })
 * const { safety, categories } = await guard.classify('How can I make a bomb?')
 * await guard.close()
 */
export class GenGuard implements AsyncDisposable {
  readonly #loaded: LoadedEngine
  readonly #tokenizer: Tokenizer
  readonly #template: GenTemplate
  readonly #answerTokens: AnswerTokens
  readonly #drafts: boolean
  /** The policy text of each mode in a sequence of its own; null where there is no room for it. */
  readonly #heads = new Map<GenMode, Promise<SharedHead | null>>()
  #cellsShared = 0
  #closed = false

  private constructor(loaded: LoadedEngine, { drafts }: InternalOptions) {
    this.#loaded = loaded
    this.#tokenizer = new Tokenizer(loaded.model.native)
    this.#template = new GenTemplate(loaded.template, this.#tokenizer)
    this.#answerTokens = findAnswerTokens(this.#tokenizer)
    this.#drafts = drafts
  }

  /**
   * Loads a Gen model.
   *
   * @throws TypeError or RangeError for options; AddonLoadError, ModelFileError, ModelKindError, MemoryError;
   *   TemplateError if the chat template does not make the model classify; `signal.reason`
   */
  static async load(
    options: LoadOptions = {},
    internal: InternalOptions = { drafts: true },
  ): Promise<GenGuard> {
    const loaded = await loadEngine(options, 'gen')
    try {
      return new GenGuard(loaded, internal)
    } catch (error) {
      await loaded.close()
      throw error
    }
  }

  /**
   * Judges the last message: a user's as a prompt, an assistant's as a reply. An assistant's `reasoning` is
   * judged as part of its text.
   *
   * @throws TypeError for input; TooLongError if it does not fit the context with 128 tokens for the answer;
   *   GenFormatError if the model's answer is no verdict; GuardBusyError, GuardClosedError, DecodeError,
   *   TemplateError; `signal.reason`. Whatever is thrown, nothing was judged.
   */
  async classify(input: Input, { signal }: ClassifyOptions = {}): Promise<GenVerdict> {
    const messages = toMessages(input, ['user', 'assistant'])
    signal?.throwIfAborted()
    this.#requireOpen()
    const mode = modeOf(messages)
    const prompt = await this.#template.encode(messages)
    const { engine } = this.#loaded
    const cells = prompt.length + MAX_ANSWER_TOKENS
    if (cells > engine.contextSize) {
      throw new TooLongError(cells, engine.contextSize, 'the conversation, with room for the answer,')
    }
    const head = await untilAborted(this.#sharedHead(mode), signal)
    const sequence = await engine.acquire({ cells, signal })
    try {
      const length = head ? Math.min(commonLength(prompt, head.ids), prompt.length - 1) : 0
      const shared = head && length >= SHORTEST_SHARED ? { from: head.sequence, length } : null
      const answer = await decodeAnswer(sequence, this.#tokenizer, this.#answerTokens, {
        mode,
        prompt,
        shared,
        drafts: this.#drafts,
        signal,
      })
      const parsed = parseGen(answer.text)
      if (mode === 'response' && parsed.refusal === null) {
        throw new GenFormatError(
          `Gen judged a reply without saying whether it refuses: ${JSON.stringify(answer.text)}. Treat it as not judged`,
          answer.text,
        )
      }
      return {
        ...parsed,
        text: answer.text,
        scores: readScores(this.#tokenizer, this.#answerTokens, answer),
        usage: {
          promptTokens: prompt.length,
          cachedTokens: shared?.length ?? 0,
          generatedTokens: answer.named.length,
          passes: answer.passes,
          ms: answer.ms,
        },
      }
    } finally {
      sequence.release()
    }
  }

  /**
   * Judges many inputs, several at a time, and yields their verdicts in the order of the inputs. No more than
   * `concurrency` inputs are read ahead. The first input that fails ends the iteration with its error.
   *
   * @throws what `classify` throws, and whatever `inputs` throws
   */
  classifyAll(
    inputs: Iterable<Input> | AsyncIterable<Input>,
    { concurrency = this.stats().maxSequences, signal }: ClassifyAllOptions = {},
  ): AsyncIterable<GenVerdict> {
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      throw new RangeError(`Expected concurrency to be an integer of at least 1, got ${concurrency}`)
    }
    return inOrder(inputs, (input, signal) => this.classify(input, { signal }), concurrency, signal)
  }

  /** Queue, sequences, KV cells and speed. */
  stats(): GuardStats {
    return this.#loaded.engine.stats()
  }

  /** Stops what is in work with GuardClosedError and frees the model. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#loaded.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #requireOpen(): void {
    if (this.#closed) throw new GuardClosedError('the guard is closed: load another')
  }

  #sharedHead(mode: GenMode): Promise<SharedHead | null> {
    let head = this.#heads.get(mode)
    if (!head) {
      head = this.#decodeHead(mode)
      this.#heads.set(mode, head)
      // A failure is the classification's that waits for it; the next one tries again.
      head.catch(() => this.#heads.delete(mode))
    }
    return head
  }

  async #decodeHead(mode: GenMode): Promise<SharedHead | null> {
    const { engine } = this.#loaded
    const ids = await this.#template.encodeConstantHead(mode)
    const { cells, contextSize, maxSequences } = engine.options
    // A conversation of the full context must still find room.
    const fits = cells - this.#cellsShared - ids.length >= contextSize
    if (ids.length < SHORTEST_SHARED || maxSequences < SEQUENCES_TO_SHARE || !fits) return null
    this.#cellsShared += ids.length
    const none = new Int32Array(0)
    try {
      const sequence = await engine.acquire({ cells: ids.length })
      try {
        await sequence.decodeText(ids, { read: none, named: none })
        return { ids, sequence }
      } catch (error) {
        sequence.release()
        throw error
      }
    } catch (error) {
      this.#cellsShared -= ids.length
      throw error
    }
  }
}
