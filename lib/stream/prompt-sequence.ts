import type { Engine } from '../engine/engine.js'
import type { Sequence } from '../engine/sequence.js'
import { TooLongError } from '../errors.js'
import { type HistoryTooLong, latestTurns } from '../history.js'
import type { HeadLabels } from '../labels.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import type { Message } from '../types.js'
import { Moderation } from './moderation.js'
import type { ReplyTooLong } from './reply/cache.js'
import type { StreamPrompt, StreamTemplate } from './template.js'
import { promptVerdict } from './verdict.js'

/** What a guard's prompts and replies are judged with. */
export interface StreamParts {
  engine: Engine
  template: StreamTemplate
  tokenizer: Tokenizer
  labels: HeadLabels
}

/** A prompt, and how many messages were left out of it. */
export interface EncodedPrompt extends StreamPrompt {
  droppedMessages: number
}

/** With `history: 'drop'`, one part in so many of the context is left to the reply. */
const REPLY_PART = 4

/** Ids of a conversation that a sequence has room for. @throws TooLongError, TemplateError */
export async function encodePrompt(
  { template, engine }: StreamParts,
  messages: readonly Message[],
  reasoning: boolean,
  history: HistoryTooLong,
): Promise<EncodedPrompt> {
  const { contextSize } = engine
  const positions = (encoded: StreamPrompt) => encoded.prompt.length + encoded.scaffold.length
  const within = (most: number) => async (list: readonly Message[]) => {
    const encoded = await template.encode(list, reasoning, most)
    return 'atLeast' in encoded || positions(encoded) > most ? null : encoded
  }
  const whole = await template.encode(messages, reasoning, contextSize)
  const room = contextSize - Math.floor(contextSize / REPLY_PART)
  const fits = !('atLeast' in whole) && positions(whole) <= (history === 'drop' ? room : contextSize)
  if (fits) return { ...whole, droppedMessages: 0 }
  if (history === 'drop') {
    const latest =
      (await latestTurns(messages, within(room))) ?? (await latestTurns(messages, within(contextSize)))
    if (latest) return { ...latest.encoded, droppedMessages: latest.dropped }
    // One turn, which fits without so much room for the reply.
    if (!('atLeast' in whole) && positions(whole) <= contextSize) return { ...whole, droppedMessages: 0 }
  }
  const counted = !('atLeast' in whole)
  throw new TooLongError(
    counted ? positions(whole) : whole.atLeast,
    contextSize,
    'the conversation',
    !counted,
    messages.length > 1
      ? "shorten it, leave out its oldest turns with `history: 'drop'`, or load with a larger contextSize"
      : 'shorten it or load with a larger contextSize',
  )
}

const NONE = new Int32Array(0)

/** A sequence for prompts that begin alike: of each only what the one before did not have is computed. */
export class PromptSequence {
  readonly #parts: StreamParts
  readonly #sequence: Sequence

  constructor(parts: StreamParts, sequence: Sequence) {
    this.#parts = parts
    this.#sequence = sequence
  }

  /**
   * Judges a prompt and opens the moderation of the reply to it, which has the sequence until it calls `release`.
   *
   * @throws GuardClosedError, DecodeError, `signal.reason`
   */
  async open(
    { prompt, scaffold, answerScaffold, droppedMessages }: EncodedPrompt,
    options: {
      reasoning: boolean
      tooLong: ReplyTooLong
      signal: AbortSignal | undefined
      release: () => void
    },
  ): Promise<Moderation> {
    const { tokenizer, labels } = this.#parts
    const { heads, cached } = await this.#sequence.decodeHeads(prompt, {
      keep: 'whole',
      read: Int32Array.of(prompt.length - 1),
      signal: options.signal,
    })
    return new Moderation({
      prompt: promptVerdict(heads, labels),
      usage: {
        promptTokens: prompt.length,
        cachedTokens: cached,
        ...(droppedMessages > 0 && { droppedMessages }),
      },
      sequence: this.#sequence,
      scaffold,
      answerScaffold,
      tokenizer,
      labels,
      ...options,
    })
  }

  /** Computes what prompts to come begin with. @throws as `open`; TooLongError */
  async prepare(ids: Int32Array, signal: AbortSignal): Promise<void> {
    await this.#sequence.decodeHeads(ids, { keep: 'whole', read: NONE, signal })
  }

  /** Gives the sequence back; what is still asked of it fails with GuardClosedError. Idempotent. */
  release(): void {
    this.#sequence.release()
  }
}
