import { type InternalLoadOptions, type LoadedEngine, loadEngine, requireLoaded } from '../engine/load.js'
import { GenFormatError, GuardClosedError, TooLongError } from '../errors.js'
import { atOnceOrLater, promised, type Steps, settled } from '../event-loop.js'
import { checkHistory, type HistoryTooLong, latestTurns, mostMessages } from '../history.js'
import { inOrder } from '../in-order.js'
import { checkUnsupportedParts, toMessages, type UnsupportedParts } from '../input.js'
import type { ModelDescription } from '../models/gguf/describe.js'
import { checkKeys, checkSignal, checkTimeout, type Keys } from '../options.js'
import type { ChatTemplate } from '../tokenizer/chat-template.js'
import { commonLength } from '../tokenizer/common-length.js'
import { guardTemplate } from '../tokenizer/guard-template.js'
import { type Overlong, Tokenizer } from '../tokenizer/tokenizer.js'
import type { Determinism, GuardDevice, GuardStats, Input, LoadOptions, Message } from '../types.js'
import { untilEitherAborts } from '../until-aborted.js'
import { decodeAnswer, MAX_ANSWER_TOKENS } from './answer.js'
import { AnswerTexts } from './answer-text.js'
import { type AnswerTokens, findAnswerTokens } from './answer-tokens.js'
import { GivenAnswers } from './given-answers.js'
import { parseGen } from './parse.js'
import { readScores } from './scores.js'
import { SHORTEST_SHARED, SharedHeads } from './shared-heads.js'
import { type GenMode, GenTemplate, modeOf } from './template.js'
import { type GenVerdict, type GenWindow, NEAR_TIE, worstOf } from './verdict.js'
import { whenThereIsRoom } from './when-there-is-room.js'
import { cutWindows, SHORTEST_WINDOW } from './windows.js'

export type { GenUsage, GenVerdict, GenWindow } from './verdict.js'

/** Options of `GenGuard.classify`. */
export interface ClassifyOptions {
  /** Aborts the check, whether it waits or runs; the promise rejects with `signal.reason`. */
  signal?: AbortSignal
  /**
   * What becomes of a conversation that does not fit the context. `'error'`, the default: TooLongError.
   * `'window'`: the last message is judged in overlapping windows, each with all that comes before the message,
   * and the worst verdict is the message's (docs/gen.md).
   */
  tooLong?: TooLong
  /**
   * What becomes of what comes before the last message, where the conversation does not fit with it: an error, or the
   * oldest turns are left out, and `usage.droppedMessages` counts their messages. Default `'error'`.
   */
  history?: HistoryTooLong
  /** Milliseconds to wait for a place in the engine before `GuardBusyError`. Default: as long as it takes. */
  queueTimeoutMs?: number
  /**
   * What becomes of images, audio and files in messages, which no guard reads: they are left out where a message has text
   * beside them, or are a TypeError. A message of media alone is one either way. Default `'skip'`.
   */
  unsupportedParts?: UnsupportedParts
}

/** Options of `GenGuard.classifyAll`. */
export interface ClassifyAllOptions {
  /** Inputs in work at a time, from 1. Default: the engine's sequences (`maxSequences`). */
  concurrency?: number
  /** Aborts all of it; the iteration rejects with `signal.reason`. */
  signal?: AbortSignal
  /** As for `classify`. */
  tooLong?: TooLong
  /** As for `classify`. */
  history?: HistoryTooLong
  /** As for `classify`. */
  unsupportedParts?: UnsupportedParts
}

/** What becomes of a conversation that does not fit the context. */
export type TooLong = 'error' | 'window'

const CLASSIFY_KEYS: Keys<ClassifyOptions> = {
  signal: true,
  tooLong: true,
  history: true,
  queueTimeoutMs: true,
  unsupportedParts: true,
}
const CLASSIFY_ALL_KEYS: Keys<ClassifyAllOptions> = {
  signal: true,
  tooLong: true,
  history: true,
  unsupportedParts: true,
  concurrency: true,
}

/** Settings for probes, tests and measurements. */
interface InternalOptions extends InternalLoadOptions {
  /** false decodes one token at a time. */
  drafts: boolean
  /** false computes every prompt from its beginning. */
  reuse?: boolean
}

/** Tokens by which a text may grow where it is joined with the template. */
const JOIN_TOKENS = 4

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
  readonly #answerTexts: AnswerTexts
  readonly #given = new GivenAnswers()
  readonly #drafts: boolean
  readonly #heads: SharedHeads
  #closed = false

  private constructor(
    loaded: LoadedEngine,
    tokenizer: Tokenizer,
    template: GenTemplate,
    { drafts }: InternalOptions = { drafts: true },
  ) {
    this.#loaded = requireLoaded(loaded, 'GenGuard')
    this.#tokenizer = tokenizer
    this.#template = template
    this.#heads = new SharedHeads(this.#loaded.engine, template)
    this.#answerTokens = findAnswerTokens(tokenizer)
    this.#answerTexts = new AnswerTexts(tokenizer)
    this.#drafts = drafts
  }

  /**
   * Loads a Gen model.
   *
   * @throws TypeError or RangeError for options; AddonLoadError, BackendError, ModelFileError, ModelKindError, MemoryError;
   *   TemplateError if the chat template does not make the model classify; `signal.reason`
   */
  static async load(options: LoadOptions, internal: InternalOptions = { drafts: true }): Promise<GenGuard> {
    let template: ChatTemplate | undefined
    const admit = async ({ chatTemplate, name }: Pick<ModelDescription, 'chatTemplate' | 'name'>) => {
      template = await guardTemplate(options.chatTemplate ?? chatTemplate, name)
    }
    const { reuse = true, engine } = internal
    const loaded = await loadEngine(options, 'gen', admit, {
      ...internal,
      engine: reuse ? { ...engine } : { ...engine, keeps: false },
    })
    try {
      const tokenizer = new Tokenizer(loaded.model.native)
      return new GenGuard(loaded, tokenizer, new GenTemplate(template as ChatTemplate, tokenizer), internal)
    } catch (error) {
      await loaded.close()
      throw error
    }
  }

  /**
   * Judges the last message: a user's as a prompt, an assistant's as a reply. An assistant's `reasoning` is
   * judged as part of its text.
   *
   * @throws TypeError for input; TooLongError if it does not fit the context with 128 tokens for the answer
   *   (with `tooLong: 'window'`: if what comes before the last message does not); GenFormatError if the model's
   *   answer is no verdict; GuardBusyError, GuardClosedError, DecodeError, TemplateError; `signal.reason`.
   *   Whatever is thrown, nothing was judged.
   */
  classify(input: Input, options: ClassifyOptions = {}): Promise<GenVerdict> {
    return promised(() => this.#checked(input, options))
  }

  #checked(input: Input, options: ClassifyOptions): Steps<GenVerdict> {
    checkKeys('the options of classify', options, CLASSIFY_KEYS)
    const { signal, tooLong = 'error', history = 'error', unsupportedParts } = options
    checkSignal(signal)
    checkTimeout('queueTimeoutMs', options.queueTimeoutMs)
    const { engine } = this.#loaded
    checkTooLong(tooLong)
    checkHistory(history)
    const messages = toMessages(input, ['user', 'assistant'], {
      most: mostMessages(history, engine.contextSize),
      unsupportedParts,
    })
    signal?.throwIfAborted()
    if (this.#closed) throw new GuardClosedError('the guard is closed: load another')
    return this.#classify(messages, options, engine.announce())
  }

  *#classify(messages: readonly Message[], options: ClassifyOptions, arrive: () => void): Steps<GenVerdict> {
    const { tooLong = 'error', history = 'error' } = options
    const { contextSize } = this.#loaded.engine
    const mode = modeOf(messages)
    try {
      const prompt = yield* this.#template.encoding(messages, contextSize)
      if (this.#fits(prompt)) return yield* this.#judge(mode, prompt, options, arrive)
      if (history === 'drop') {
        const encode = async (list: readonly Message[]) => {
          const ids = await this.#template.encode(list, contextSize)
          return this.#fits(ids) ? ids : null
        }
        const latest = yield* settled(latestTurns(messages, encode))
        if (latest) {
          const verdict = yield* this.#judge(mode, latest.encoded, options, arrive)
          return { ...verdict, usage: { ...verdict.usage, droppedMessages: latest.dropped } }
        }
      }
      if (tooLong === 'error') throw this.#tooLong(prompt, 'the conversation', this.#mending(messages))
      arrive()
      return yield* settled(this.#judgeWindows(messages, options))
    } finally {
      arrive()
    }
  }

  /** The worst verdict about the windows of the last message. */
  async #judgeWindows(messages: readonly Message[], options: ClassifyOptions): Promise<GenVerdict> {
    const { cells, contextSize, maxSequences } = this.#loaded.engine.options
    // Half of the engine at most: other checks find room beside one long text.
    const concurrency = Math.max(1, Math.floor(Math.min(maxSequences, cells / contextSize) / 2))
    const judge = async (item: { prompt: Int32Array; window: GenWindow }, stop: AbortSignal) => {
      const judging = this.#judge(modeOf(messages), item.prompt, { ...options, signal: stop })
      return { ...(await atOnceOrLater(judging)), window: item.window }
    }
    const verdicts: GenVerdict[] = []
    for await (const verdict of inOrder(this.#windows(messages), judge, concurrency, options.signal)) {
      verdicts.push(verdict)
    }
    // Nothing in the last message: what comes before it is too long.
    if (verdicts.length === 0) {
      throw this.#tooLong(await this.#template.encode(messages, contextSize), 'the conversation')
    }
    return worstOf(verdicts)
  }

  /** Windows of the last message with the prompts that judge them: of its reasoning, then of its content. */
  async *#windows(messages: readonly Message[]): AsyncGenerator<{ prompt: Int32Array; window: GenWindow }> {
    const { contextSize } = this.#loaded.engine
    const history = messages.slice(0, -1)
    const { role, content, reasoning } = messages.at(-1) as Message
    for (const part of ['reasoning', 'answer'] as const) {
      const text = part === 'answer' ? content : reasoning
      if (text === undefined || text === '') continue
      const encode = (piece: string) => {
        const message = part === 'answer' ? { content: piece } : { content: '', reasoning: piece }
        return this.#template.encode([...history, { role, ...message }], contextSize)
      }
      const rest = await encode('')
      const before = 'atLeast' in rest ? rest.atLeast : rest.length
      const room = contextSize - MAX_ANSWER_TOKENS - before - JOIN_TOKENS
      const tooLong = () =>
        this.#tooLong(
          { atLeast: before + SHORTEST_WINDOW + JOIN_TOKENS },
          'what comes before the last message',
        )
      if (room < SHORTEST_WINDOW) throw tooLong()
      const windows = cutWindows(text, this.#tokenizer, room, async ({ start, end }) => {
        const prompt = await encode(text.slice(start, end))
        return this.#fits(prompt) ? prompt : null
      })
      for await (const window of windows) {
        if (window === null) throw tooLong()
        yield { prompt: window.prompt, window: { ...window.span, part } }
      }
    }
  }

  #fits(prompt: Int32Array | Overlong): prompt is Int32Array {
    return 'length' in prompt && prompt.length + MAX_ANSWER_TOKENS <= this.#loaded.engine.contextSize
  }

  /** What helps depends on which part is long. */
  #mending(messages: readonly Message[]): string {
    const drop = messages.length > 1 ? ", leave out its oldest turns with `history: 'drop'`" : ''
    return `shorten it, judge its last message in windows with \`tooLong: 'window'\`${drop}, or load with a larger contextSize`
  }

  #tooLong(
    prompt: Int32Array | Overlong,
    what: string,
    mending = "shorten it, leave out the oldest turns with `history: 'drop'`, or load with a larger contextSize",
  ): TooLongError {
    const { contextSize } = this.#loaded.engine
    const counted = 'length' in prompt
    const tokens = MAX_ANSWER_TOKENS + (counted ? prompt.length : prompt.atLeast)
    return new TooLongError(tokens, contextSize, `${what}, with room for the answer,`, !counted, mending)
  }

  /** `arrive` is called when the prompt waits for a sequence, or has one. */
  *#judge(
    mode: GenMode,
    prompt: Int32Array,
    { signal, queueTimeoutMs: timeoutMs }: ClassifyOptions,
    arrive = () => {},
  ): Steps<GenVerdict> {
    const { engine } = this.#loaded
    const since = performance.now()
    const head = yield* settled(this.#heads.of(mode, { signal, timeoutMs }))
    const inHead = head ? Math.min(commonLength(prompt, head.tokens), prompt.length - 1) : 0
    arrive()
    const acquired = engine.acquireNow({
      cells: prompt.length + MAX_ANSWER_TOKENS,
      shared: head && inHead >= SHORTEST_SHARED ? { prefix: head, length: inHead } : undefined,
      signal,
      timeoutMs: timeoutMs && Math.max(0, timeoutMs - (performance.now() - since)),
    })
    const sequence = yield* settled(acquired)
    try {
      const answer = yield* decodeAnswer(sequence, this.#answerTexts, this.#answerTokens, {
        mode,
        prompt,
        drafts: this.#drafts,
        // What was answered before would change how the prompt is cut into decodes.
        likely: engine.options.alone ? undefined : this.#given.of(prompt),
        signal,
      })
      const parsed = parseGen(answer.text)
      if (mode === 'response' && parsed.refusal === null) {
        throw new GenFormatError(
          `Gen judged a reply without saying whether it refuses: ${JSON.stringify(answer.text)}. Treat it as not judged`,
          answer.text,
        )
      }
      const scores = readScores(this.#answerTexts, this.#answerTokens, answer)
      // A prompt refuses nothing, also where the model has a word on it.
      const asked = mode === 'response'
      const verdict: GenVerdict = {
        ...parsed,
        refusal: asked ? parsed.refusal : null,
        text: answer.text,
        scores: asked ? scores : { ...scores, refusal: null },
        usage: {
          promptTokens: prompt.length,
          cachedTokens: answer.cached,
          generatedTokens: answer.named.length,
          passes: answer.passes,
          ms: answer.ms,
          leastMargin: answer.leastMargin,
          uncertain: answer.leastMargin < NEAR_TIE,
        },
      }
      this.#given.note(prompt, answer.ids)
      // The conversation may go on. Whatever failed is not kept.
      sequence.keep(prompt.length)
      return verdict
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
    options: ClassifyAllOptions = {},
  ): AsyncIterable<GenVerdict> {
    checkKeys('the options of classifyAll', options, CLASSIFY_ALL_KEYS)
    const {
      concurrency = this.stats().maxSequences,
      signal,
      tooLong = 'error',
      history = 'error',
      unsupportedParts = 'skip',
    } = options
    checkSignal(signal)
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      throw new RangeError(`Expected concurrency to be an integer of at least 1, got ${concurrency}`)
    }
    checkTooLong(tooLong)
    checkHistory(history)
    checkUnsupportedParts(unsupportedParts)
    const classify = (input: Input, signal: AbortSignal) =>
      whenThereIsRoom(() => this.classify(input, { signal, tooLong, history, unsupportedParts }), signal)
    return untilEitherAborts(this.#loaded.engine.closing, signal, (either) =>
      inOrder(inputs, classify, concurrency, either),
    )
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

  /** Stops what is in work with GuardClosedError and frees the model. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#loaded.close()
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function checkTooLong(tooLong: unknown): void {
  if (tooLong !== 'error' && tooLong !== 'window') {
    throw new TypeError(`Expected tooLong to be 'error' or 'window', got ${JSON.stringify(tooLong)}`)
  }
}
