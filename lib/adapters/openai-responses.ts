import { conversationOf, type ForeignInput } from './messages.js'
import { type AdapterOptions, type BlockEvent, type Moderator, replacementFor } from './moderator.js'
import { boundaryOf, type Event, TEXTS, textOf } from './openai-texts.js'
import { ModeratedParts } from './parts.js'
import { SentResponse } from './sent-response.js'
import type { Piece, Shape } from './shape.js'

/** What is needed of an event of the Responses API. */
export interface ResponseEvent {
  type: string
}

/**
 * Moderates a streamed response: its texts, refusals, reasoning and summaries of reasoning, each on its own. On a
 * block it ends with `response.incomplete` and `incomplete_details.reason: 'content_filter'`, after what closes the
 * items that are open, and the request is aborted.
 *
 * @param input what the reply answers: a text, or the input items of the request
 * @param stream the SDK's stream, or any async iterable of events. It is read as the result is
 * @throws TypeError or RangeError at once for arguments; while iterating, as `moderate`
 * @example
 * const stream = await client.responses.create({ model, input, stream: true })
 * for await (const event of moderateResponse(guard, input, stream)) send(event)
 */
export function moderateResponse<E extends ResponseEvent>(
  guard: Moderator,
  input: ForeignInput,
  stream: AsyncIterable<E>,
  options: AdapterOptions = {},
): AsyncIterableIterator<E, void, undefined> {
  const shape = new ResponseShape(options)
  const parts = new ModeratedParts(guard, conversationOf(input), shape, options)
  return parts.read(stream as unknown as AsyncIterable<Event>) as unknown as AsyncIterableIterator<
    E,
    void,
    undefined
  >
}

const OPENING = new Set(['response.created', 'response.queued', 'response.in_progress'])

class ResponseShape implements Shape<Event> {
  /** The texts that have come, as far as they have: they are judged before anything that repeats them passes. */
  readonly #texts: { text: string }[] = []
  /** Those of them that more can come of. */
  readonly #open = new Map<string, { text: string }>()
  readonly #sent = new SentResponse()

  constructor(readonly options: AdapterOptions) {}

  *split(event: Event): Generator<Piece<Event>> {
    const { type, delta } = event
    const kind = TEXTS.find(({ name }) => type.startsWith(`${name}.`))
    // Speech, and deltas of kinds that are not known here, are no text that the guard could judge.
    const isUnknown = !kind && type.endsWith('.delta') && !type.includes('_call')
    if (isUnknown || type.startsWith('response.audio.')) return
    if (kind && type.endsWith('.delta') && delta !== '') {
      if (typeof delta !== 'string') throw new TypeError(`Expected the delta of ${type} to be text`)
      const key = textOf(event, kind)
      const open = this.#open.get(key) ?? { text: '' }
      if (open.text === '') this.#texts.push(open)
      open.text += delta
      this.#open.set(key, open)
      const write = (text: string, last: boolean) => ({
        ...event,
        delta: text,
        ...('logprobs' in event && !last && { logprobs: [] }),
      })
      yield { type: 'text', key, text: delta, reasoning: kind.name.startsWith('response.reasoning'), write }
      return
    }
    const ended = boundaryOf(event)
    if (ended) {
      const key = textOf(event, ended)
      this.#open.delete(key)
      yield { type: 'end', key }
    }
    const part = snapshotOf(event)
    for (const text of textsIn(part)) yield* this.#judgeUnlessRepeated(text)
    yield { type: 'part', part, opening: OPENING.has(type) }
  }

  sent(event: Event): Event {
    return this.#sent.add(event)
  }

  blocked(block: BlockEvent): Generator<Event> {
    return this.#sent.ending(replacementFor(block, this.options))
  }

  /**
   * Servers repeat a text whole when it is complete, some without the white space around it. One that is not a
   * repetition is judged by itself first.
   */
  *#judgeUnlessRepeated(text: string): Generator<Piece<Event>> {
    const trimmed = text.trim()
    if (text === '' || this.#texts.some((one) => one.text.trim() === trimmed)) return
    const key = `whole ${this.#texts.length}`
    this.#texts.push({ text })
    yield { type: 'text', key, text, write: () => null }
    yield { type: 'end', key }
  }
}

/**
 * An event as it is now: some versions of the SDK's `responses.stream()` go on writing into the objects of events that
 * it has given out. Without the copy of all text that it adds to a response, and servers do not send.
 */
function snapshotOf(event: Event): Event {
  const copy = JSON.parse(JSON.stringify(event)) as Event
  if (copy.response) delete (copy.response as Record<string, unknown>).output_text
  return copy
}

/** Texts that an event holds whole. */
function* textsIn({ text, refusal, part, item, response }: Event): Generator<string> {
  const items = (response as { output?: unknown[] } | undefined)?.output ?? []
  for (const one of [item, ...items] as (Record<string, unknown> | undefined)[]) {
    for (const list of [one?.content, one?.summary]) {
      if (typeof list === 'string') yield list
      for (const entry of Array.isArray(list) ? list : []) yield* textsIn(entry)
    }
  }
  if (part) yield* textsIn(part as Event)
  for (const own of [text, refusal]) if (typeof own === 'string') yield own
}
