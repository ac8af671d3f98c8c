import { UnknownChunkError } from '../../errors.js'
import { type ContentOptions, FieldSieve, treatment } from '../content-options.js'
import {
  type Fields,
  isObject,
  known,
  logprobsOf,
  nameOf,
  notOne,
  record,
  WrongChunkError,
} from '../known-fields.js'
import { type BlockEvent, replacementFor } from '../moderator.js'
import type { Piece, Shape } from '../source-pieces.js'
import { CHOICE, DELTA, ENVELOPE, FUNCTION_CALL, REFERENCE, ROLES, TOOL_CALL } from './chat-fields.js'
import { IMAGES } from './fields.js'

export type Chunk = Fields

const EXPECTED = 'a chunk of a chat completion, an object with `choices`'

/** A text of a delta, and how a delta with a piece of it looks. */
interface DeltaText {
  /** Pieces of one field are one text, until it ends. */
  field: string
  text: string
  reasoning?: boolean
  delta: (text: string) => Fields
}

/** What a choice's delta holds. */
interface Taken {
  texts: DeltaText[]
  /** What comes ahead of the texts that begin with it, and what comes after them. */
  heads: Piece<Chunk>[]
  rest: Piece<Chunk>[]
}

/** Takes the chunks of a chat completion apart: each choice is a lane, each of its texts a text of its own. */
export class ChatShape implements Shape<Chunk> {
  /** Those that the request asks for, and those that have come. */
  readonly #choices: Set<number>
  /** Choices whose role was given. */
  readonly #begun = new Set<number>()
  /** Of each choice, the fields of the texts that have begun and not ended. */
  readonly #open = new Map<number, Set<string>>()
  readonly #sieve: FieldSieve
  #envelope: Fields = {
    id: 'chatcmpl-qwen3guard',
    object: 'chat.completion.chunk',
    created: Math.floor(Date.now() / 1000),
    model: 'unknown',
  }

  constructor(
    readonly options: ContentOptions,
    readonly lanes: number,
  ) {
    this.#choices = new Set(Array(lanes).keys())
    this.#sieve = new FieldSieve(options)
  }

  *split(chunk: Chunk): Generator<Piece<Chunk>> {
    if (!isObject(chunk) || chunk.choices === undefined) throw notOne(EXPECTED, chunk)
    const { choices, ...fields } = chunk
    if (choices !== null && !Array.isArray(choices)) {
      throw new WrongChunkError(`Expected ${EXPECTED} that is a list, got ${typeof choices}`)
    }
    const { usage, ...envelope } = known(fields, ENVELOPE, '', this.#sieve)
    this.#envelope = envelope
    for (const choice of choices ?? []) yield* this.#splitChoice(choice, envelope)
    if (!choices?.length || usage) yield { type: 'part', part: { ...envelope, choices: [], usage } }
    yield* this.#sieve.told()
  }

  *#splitChoice(choice: unknown, envelope: Fields): Generator<Piece<Chunk>> {
    if (!isObject(choice)) throw new WrongChunkError('Expected a choice of a chunk to be { index, delta }')
    const { index = 0, delta: given, finish_reason, logprobs, ...fields } = choice
    if (typeof index !== 'number' || !Number.isInteger(index)) {
      throw new WrongChunkError(`Expected the index of a choice to be a whole number, got ${typeof index}`)
    }
    // Beside a delta they repeat what came so far, and are left out as any other field.
    if (given == null && (fields.message != null || fields.text)) {
      const whole = fields.message != null ? 'a completion that is not streamed' : 'a legacy completion'
      throw new UnknownChunkError(
        `Expected the choices of a chunk to have a \`delta\`, got those of ${whole}: its text was not released`,
      )
    }
    if (given != null && !isObject(given)) {
      throw new WrongChunkError(`Expected the delta of a choice to be an object, got ${typeof given}`)
    }
    this.#choices.add(index)
    const delta = given ?? {}
    const lane = String(index)
    const more = known(fields, CHOICE, 'choices[]', this.#sieve)
    const chunk = (part: Fields, beside: Fields = {}): Chunk => ({
      ...envelope,
      choices: [{ index, delta: part, finish_reason: null, ...beside }],
    })

    // Some servers repeat it in every chunk.
    if (ROLES.has(delta.role) && !this.#begun.has(index)) {
      this.#begun.add(index)
      const part = chunk({ role: delta.role, content: delta.content === null ? null : '' })
      yield { type: 'part', part, lane, opening: true }
    }
    const { texts, heads, rest } = this.#take(delta, index, chunk)
    yield* heads
    const probabilities = this.#logprobs(logprobs, texts)
    yield* this.#splitTexts(texts, index, (part, isLast) =>
      chunk(part, isLast && probabilities ? { logprobs: probabilities } : {}),
    )
    if (texts.length === 0 && probabilities) more.logprobs = probabilities
    yield* rest
    if (Object.keys(more).length > 0 && finish_reason == null)
      yield { type: 'part', part: chunk({}, more), lane }
    if (finish_reason == null) return
    yield* this.#end(index, () => true)
    const reason = typeof finish_reason === 'string' ? finish_reason : 'stop'
    yield { type: 'part', part: chunk({}, { finish_reason: reason, ...more }), lane }
  }

  *#splitTexts(
    texts: readonly DeltaText[],
    index: number,
    chunk: (delta: Fields, isLast: boolean) => Chunk,
  ): Generator<Piece<Chunk>> {
    if (texts.length === 0) return
    const open = this.#opened(index)
    const fields = new Set(texts.map(({ field }) => field))
    // Where another text begins, the one before has ended: an answer ends the reasoning. Those that one delta fills may
    // go on together, unless it is the one that leads from one to the other.
    const before = new Set([...fields].filter((field) => open.has(field)))
    yield* this.#end(index, (field) => !fields.has(field))
    for (const [i, { field, text, reasoning = false, delta }] of texts.entries()) {
      // A tool is called when all else is said, and the next when the one before is.
      const isCall = field.startsWith('call ')
      if (!before.has(field))
        yield* this.#end(index, (other) => before.has(other) || (isCall && other !== field))
      open.add(field)
      const isLast = i === texts.length - 1
      const write = (released: string, last: boolean) => chunk(delta(released), last && isLast)
      yield { type: 'text', key: `${index} ${field}`, lane: String(index), text, reasoning, write }
    }
  }

  #opened(index: number): Set<string> {
    const open = this.#open.get(index) ?? new Set()
    this.#open.set(index, open)
    return open
  }

  *#end(index: number, isOver: (field: string) => boolean): Generator<Piece<Chunk>> {
    const open = this.#opened(index)
    for (const field of [...open]) {
      if (isOver(field) && open.delete(field)) yield { type: 'end', key: `${index} ${field}` }
    }
  }

  /** Takes a delta apart. Of what is left, what is not known is left out. */
  #take(delta: Fields, index: number, chunk: (delta: Fields) => Chunk): Taken {
    const { role, content, reasoning_content, reasoning, refusal, ...others } = delta
    const { tool_calls, function_call, images, audio, ...left } = others
    const taken: Taken = { texts: [], heads: [], rest: [] }
    if (role !== undefined && role !== null && !ROLES.has(role)) this.#sieve.omit('choices[].delta.role')
    const thought = isText(reasoning_content, 'reasoning_content')
    // Not OpenAI's, and some servers write the same into both.
    const isTwice = thought && reasoning === reasoning_content
    if (thought) {
      const both = (text: string) => ({ reasoning_content: text, ...(isTwice && { reasoning: text }) })
      taken.texts.push({
        field: 'reasoning_content',
        text: reasoning_content as string,
        reasoning: true,
        delta: both,
      })
    }
    const simple = (field: string, value: unknown, ofReasoning = false) => {
      if (!isText(value, field)) return
      const part = (text: string) => ({ [field]: text })
      taken.texts.push({ field, text: value as string, reasoning: ofReasoning, delta: part })
    }
    if (!isTwice) simple('reasoning', reasoning, true)
    if (Array.isArray(content)) for (const part of content) this.#takePart(part, index, taken, chunk)
    else simple('content', content)
    simple('refusal', refusal)

    const calls = Array.isArray(tool_calls) ? tool_calls : isEmpty(tool_calls) ? [] : [tool_calls]
    for (const [at, call] of calls.entries()) this.#takeCall(call, at, index, taken, chunk)
    if (!isEmpty(function_call)) this.#takeFunction(function_call, index, taken, chunk)
    if (!isEmpty(images)) {
      const shown = { images: this.#sieve.kept(IMAGES, images, 'choices[].delta.images') }
      this.#pass(taken, 'media', `images ${index}`, index, chunk(shown))
    }
    // Speech is text that nobody has judged, and its transcript is of no use without it.
    if (!isEmpty(audio)) {
      if (this.options.media === 'block')
        taken.rest.push({ type: 'block', lane: String(index), what: 'media' })
      else this.#sieve.omit('choices[].delta.audio')
    }
    const rest = known(left, DELTA, 'choices[].delta', this.#sieve)
    const filled = Object.fromEntries(Object.entries(rest).filter(([, value]) => !isEmpty(value)))
    if (Object.keys(filled).length > 0) {
      taken.rest.unshift({ type: 'part', part: chunk(filled), lane: String(index) })
    }
    return taken
  }

  /** A part of a content that is a list, as Mistral writes it. */
  #takePart(part: unknown, index: number, taken: Taken, chunk: (delta: Fields) => Chunk): void {
    const { type = 'text', text, thinking } = isObject(part) ? part : { type: null }
    if (type === 'text' && isText(text, 'text')) {
      const delta = (released: string) => ({ content: [{ type, text: released }] })
      taken.texts.push({ field: 'content', text: text as string, delta })
    } else if (type === 'thinking' && Array.isArray(thinking)) {
      const delta = (released: string) => ({
        content: [{ type, thinking: [{ type: 'text', text: released }] }],
      })
      for (const thought of thinking) {
        const one = isObject(thought) && (thought.type ?? 'text') === 'text' ? thought.text : null
        if (one !== '' && !isText(one, 'text')) throw unknownPart(thought)
        if (one !== '') taken.texts.push({ field: 'thinking', text: one as string, reasoning: true, delta })
      }
    } else if (type === 'reference') {
      const kept = this.#sieve.kept<Fields>(record(REFERENCE), part, 'choices[].delta.content[]')
      taken.rest.push({ type: 'part', part: chunk({ content: [kept] }), lane: String(index) })
    } else if (type === 'image_url') {
      const [image] = this.#sieve.kept<Fields[]>(IMAGES, [part], 'choices[].delta.content')
      this.#pass(taken, 'media', `images ${index}`, index, chunk({ content: [image] }))
    } else if (type !== 'text') {
      throw unknownPart(part)
    }
  }

  #takeCall(call: unknown, at: number, index: number, taken: Taken, chunk: (delta: Fields) => Chunk): void {
    if (!isObject(call)) throw new WrongChunkError('Expected a tool call of a delta to be an object')
    const position = typeof call.index === 'number' ? call.index : at
    const kept = known(call, TOOL_CALL, 'choices[].delta.tool_calls[]', this.#sieve)
    const key = `${index} ${position}`
    const asDelta = (one: Fields) => ({ tool_calls: [one] })
    const isJudged = treatment('tool-call', this.options) === 'judge'
    for (const [kind, field] of [
      ['function', 'arguments'],
      ['custom', 'input'],
    ] as const) {
      const called = kept[kind] as Fields | null | undefined
      if (!isJudged || !called) continue
      const { [field]: written, arguments: _, input: __, ...named } = called
      kept[kind] = { ...named, ...(written !== undefined && { [field]: '' }) }
      if (!isText(written, field)) continue
      const delta = (text: string) => asDelta({ index: position, [kind]: { [field]: text } })
      taken.texts.push({ field: `call ${position}`, text: written as string, delta })
    }
    const begins = kept.id !== undefined || nameIn(kept) !== undefined
    if (!isJudged) this.#pass(taken, 'tool-call', key, index, chunk(asDelta(kept)), nameIn(kept))
    else if (begins) taken.heads.push({ type: 'part', part: chunk(asDelta(kept)), lane: String(index) })
  }

  #takeFunction(call: unknown, index: number, taken: Taken, chunk: (delta: Fields) => Chunk): void {
    const kept = this.#sieve.kept<Fields | undefined>(
      record(FUNCTION_CALL),
      call,
      'choices[].delta.function_call',
    )
    if (!kept) return
    const asDelta = (one: Fields) => ({ function_call: one })
    const name = typeof kept.name === 'string' ? kept.name : undefined
    if (treatment('tool-call', this.options) !== 'judge') {
      this.#pass(taken, 'tool-call', `${index} function`, index, chunk(asDelta(kept)), name)
      return
    }
    const written = kept.arguments
    if (name !== undefined) {
      taken.heads.push({ type: 'part', part: chunk(asDelta({ name, arguments: '' })), lane: String(index) })
    }
    if (!isText(written, 'arguments')) return
    const delta = (text: string) => asDelta({ arguments: text })
    taken.texts.push({ field: 'call function', text: written as string, delta })
  }

  /** Content that is no text: it is let through and announced, or refused. */
  #pass(
    taken: Taken,
    what: 'tool-call' | 'media',
    key: string,
    index: number,
    part: Chunk,
    name?: string,
  ): void {
    const lane = String(index)
    if (treatment(what, this.options) === 'block') taken.rest.push({ type: 'block', lane, what })
    else
      taken.rest.push({
        type: 'part',
        part,
        lane,
        unjudged: { what, key, ...(name !== undefined && { name }) },
      })
  }

  /** What is known of the probabilities, as far as they are those of the delta's text. */
  #logprobs(logprobs: unknown, texts: readonly DeltaText[]): Fields | undefined {
    if (logprobs === null || logprobs === undefined) return undefined
    if (!isObject(logprobs)) {
      this.#sieve.omit('choices[].logprobs')
      return undefined
    }
    const kept: Fields = {}
    for (const [field, value] of Object.entries(logprobs)) {
      if (field !== 'content' && field !== 'refusal') {
        if (value != null) this.#sieve.omit(`choices[].logprobs.${field}`)
        continue
      }
      const text = texts.map((one) => (one.field === field ? one.text : '')).join('')
      const checked = logprobsOf(value, text, `choices[].logprobs.${field}`, this.#sieve)
      if (checked !== undefined) kept[field] = checked
    }
    return Object.keys(kept).length > 0 ? kept : undefined
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

function nameIn(call: Fields): string | undefined {
  const { name } = (call.function ?? call.custom ?? {}) as Fields
  return typeof name === 'string' && name !== '' ? name : undefined
}

function unknownPart(part: unknown): UnknownChunkError {
  const type = isObject(part) ? nameOf(part.type) : typeof part
  return new UnknownChunkError(
    `Expected the parts of a content to be text, thinking, references or images, got ${type}: it was not released`,
  )
}

/** @throws TypeError for what is there and is no text */
function isText(value: unknown, field: string): boolean {
  if (typeof value !== 'string' && value != null) {
    throw new WrongChunkError(`Expected ${field} of a delta to be text, got ${typeof value}`)
  }
  return Boolean(value)
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  return !value || (isObject(value) && Object.keys(value).length === 0)
}
