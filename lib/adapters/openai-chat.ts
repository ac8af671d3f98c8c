import { conversationOf, type ForeignInput } from './messages.js'
import { type AdapterOptions, type BlockEvent, type Moderator, replacementFor } from './moderator.js'
import { ModeratedParts } from './parts.js'
import type { Piece, Shape } from './shape.js'

export interface ChatOptions extends AdapterOptions {
  /**
   * How many choices the request asks for (`n`). Until so many have begun, a block of all that have does not abort it.
   * Default 1.
   */
  choices?: number
}

/** What is needed of a chunk of a chat completion; OpenAI's own and those of compatible servers have it. */
export interface ChatChunk {
  choices: readonly { index: number; delta?: object | null; finish_reason?: string | null }[]
}

/** The fields of a chunk, of a choice and of its delta, without those whose types are given. */
type Fields = Record<string, unknown>
type Choice = { index: number; delta?: Fields | null; finish_reason?: unknown; logprobs?: unknown }
type Chunk = Fields & { choices?: Choice[] | null; usage?: unknown }

/**
 * Fields of a delta that are text, each judged as a text of its own, in the order of a reply. The first two are not
 * OpenAI's: some servers write the same reasoning into both.
 */
const TEXTS = ['reasoning_content', 'reasoning', 'content', 'refusal'] as const

/** Fields of a delta that pass as they are. Others may hold text, and are left out. */
const PASSED = ['tool_calls', 'function_call', 'annotations'] as const

/**
 * Moderates a streamed chat completion, each choice on its own. On a block a choice ends with
 * `finish_reason: 'content_filter'`; the request is aborted when no choice is left to go on.
 *
 * @param messages what the reply answers: a text, or the messages of the request
 * @param stream the SDK's stream, or any async iterable of chunks. It is read as the result is
 * @throws TypeError or RangeError at once for arguments; while iterating, as `moderate`
 * @example
 * const stream = await client.chat.completions.create({ model, messages, stream: true })
 * for await (const chunk of moderateChat(guard, messages, stream)) send(chunk)
 */
export function moderateChat<C extends ChatChunk>(
  guard: Moderator,
  messages: ForeignInput,
  stream: AsyncIterable<C>,
  { choices = 1, ...options }: ChatOptions = {},
): AsyncIterableIterator<C, void, undefined> {
  if (!Number.isInteger(choices) || choices < 1) {
    throw new RangeError(`Expected choices to be a whole number from 1, got ${choices}`)
  }
  const shape = new ChatShape(options, choices)
  const parts = new ModeratedParts(guard, conversationOf(messages), shape, options)
  return parts.read(stream as unknown as AsyncIterable<Chunk>) as unknown as AsyncIterableIterator<
    C,
    void,
    undefined
  >
}

class ChatShape implements Shape<Chunk> {
  /** Those that the request asks for, and those that have come. */
  readonly #choices: Set<number>
  /** Choices whose role was given. */
  readonly #begun = new Set<number>()
  /** Keys of the texts that have begun and not ended. */
  readonly #open = new Set<string>()
  #envelope: Fields = {
    id: 'chatcmpl-qwen3guard',
    object: 'chat.completion.chunk',
    created: Math.floor(Date.now() / 1000),
    model: 'unknown',
  }

  constructor(
    readonly options: AdapterOptions,
    readonly lanes: number,
  ) {
    this.#choices = new Set(Array(lanes).keys())
  }

  *split({ choices, usage, ...envelope }: Chunk): Generator<Piece<Chunk>> {
    this.#envelope = envelope
    for (const choice of choices ?? []) yield* this.#splitChoice(choice, envelope)
    if (!choices?.length || usage) yield { type: 'part', part: { ...envelope, choices: [], usage } }
  }

  *#splitChoice(
    { index, delta, finish_reason, logprobs }: Choice,
    envelope: Fields,
  ): Generator<Piece<Chunk>> {
    const lane = String(index)
    const chunk = (delta: Fields, more: Fields = {}): Chunk => ({
      ...envelope,
      choices: [{ index, delta, finish_reason: null, ...more }],
    })
    const part = (delta: Fields, more: Fields, opening = false): Piece<Chunk> => ({
      type: 'part',
      part: chunk(delta, more),
      lane,
      opening,
    })
    this.#choices.add(index)
    // Some servers repeat it in every chunk.
    if (delta?.role !== undefined && !this.#begun.has(index)) {
      this.#begun.add(index)
      yield part({ role: delta.role, content: delta.content === null ? null : '' }, {}, true)
    }
    const filled = TEXTS.filter((field) => isText(delta?.[field], field))
    const isTwice = filled.includes('reasoning') && delta?.reasoning === delta?.reasoning_content
    const texts: readonly string[] = isTwice ? filled.filter((field) => field !== 'reasoning') : filled
    // Where another text begins, the one before has ended: an answer ends the reasoning. Those that one delta fills may
    // go on together, unless it is the one that leads from one to the other.
    const before = texts.filter((field) => this.#open.has(`${lane} ${field}`))
    if (texts.length > 0) yield* this.#end(lane, (field) => !texts.includes(field))
    for (const field of texts) {
      const key = `${lane} ${field}`
      if (!before.includes(field)) yield* this.#end(lane, (other) => before.includes(other))
      this.#open.add(key)
      const write = (text: string, last: boolean) =>
        chunk(
          { [field]: text, ...(isTwice && field === 'reasoning_content' && { reasoning: text }) },
          last && field === texts.at(-1) && logprobs ? { logprobs } : {},
        )
      const reasoning = field.startsWith('reasoning')
      yield { type: 'text', key, lane, text: delta?.[field] as string, reasoning, write }
    }
    const rest = Object.fromEntries(
      PASSED.flatMap((field) => (isEmpty(delta?.[field]) ? [] : [[field, delta?.[field]]])),
    )
    const more = texts.length === 0 && logprobs ? { logprobs } : {}
    if (Object.keys(rest).length > 0 || Object.keys(more).length > 0) yield part(rest, more)
    if (finish_reason == null) return
    yield* this.#end(lane, () => true)
    yield part({}, { finish_reason })
  }

  *#end(lane: string, isOver: (field: string) => boolean): Generator<Piece<Chunk>> {
    for (const field of TEXTS) {
      const key = `${lane} ${field}`
      if (isOver(field) && this.#open.delete(key)) yield { type: 'end', key }
    }
  }

  *blocked(block: BlockEvent, lane: string | undefined): Generator<Chunk> {
    const text = replacementFor(block, this.options)
    for (const index of lane === undefined ? this.#choices : [Number(lane)]) {
      const chunk = (delta: Fields, finish_reason: string | null): Chunk => ({
        ...this.#envelope,
        choices: [{ index, delta, finish_reason, logprobs: null }],
      })
      if (text !== '') yield chunk({ content: text }, null)
      yield chunk({}, 'content_filter')
    }
  }
}

/** @throws TypeError for what is there and is no text */
function isText(value: unknown, field: string): boolean {
  if (typeof value !== 'string' && value != null) {
    throw new TypeError(`Expected ${field} of a delta to be text, got ${typeof value}`)
  }
  return Boolean(value)
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : !value
}
