import { UnknownChunkError } from '../../errors.js'
import { type ContentOptions, FieldSieve, treatment } from '../content-options.js'
import {
  type Fields,
  isObject,
  known,
  logprobsOf,
  nameOf,
  notOne,
  type Rules,
  textsWithin,
  WrongChunkError,
} from '../known-fields.js'
import { type BlockEvent, replacementFor } from '../moderator.js'
import type { Passed, Piece, Shape } from '../source-pieces.js'
import * as table from './response-fields.js'
import { boundaryOf, type Event, TEXTS, type TextKind, textOf } from './response-texts.js'
import { SentResponse } from './sent-response.js'

const EXPECTED = 'an event of the Responses API, an object with a `type`'

const OPENING = new Set(['response.created', 'response.queued', 'response.in_progress'])

/** What was found in an event beside its text. */
interface Found {
  /** Texts that it holds whole. */
  texts: string[]
  /** What of it passes, is judged or is refused; once for each item. */
  contents: (Passed & { texts: string[] })[]
  /** Whether there is speech in it. */
  speech: boolean
}

/** Takes the events of a response apart. */
export class ResponseShape implements Shape<Event> {
  /** The texts that have come, as far as they have: they are judged before anything that repeats them passes. */
  readonly #texts: { text: string }[] = []
  /** Those of them that more can come of. */
  readonly #open = new Map<string, { text: string }>()
  readonly #sent = new SentResponse()
  readonly #sieve: FieldSieve

  constructor(readonly options: ContentOptions) {
    this.#sieve = new FieldSieve(options)
  }

  *split(event: Event): Generator<Piece<Event>> {
    if (!isObject(event) || typeof event.type !== 'string') throw notOne(EXPECTED, event)
    const kind = TEXTS.find(({ name }) => event.type === `${name}.delta` || event.type === `${name}.done`)
    yield* kind ? this.#splitText(event, kind) : this.#splitOther(event)
    yield* this.#sieve.told()
  }

  sent(event: Event): Event {
    return this.#sent.add(event)
  }

  blocked(block: BlockEvent): Generator<Event> {
    return this.#sent.ending(replacementFor(block, this.options))
  }

  *#splitText(event: Event, kind: TextKind): Generator<Piece<Event>> {
    const { type } = event
    const field = type.endsWith('.delta') ? 'delta' : kind.field
    const { [field]: text = field === 'delta' ? null : '', ...rest } = event
    if (typeof text !== 'string') {
      throw new WrongChunkError(`Expected ${field} of ${type} to be text, got ${typeof text}`)
    }
    const place = this.#placeOf(rest, table.TEXT_EVENT, text)
    const key = textOf(event, kind)
    const whole = { ...place, [field]: text } as Event
    if (field === 'delta') {
      if (text === '') yield { type: 'part', part: whole }
      else yield* this.#judgeDelta(key, text, whole, kind.name.startsWith('response.reasoning'))
      return
    }
    yield* this.#end(key)
    yield* this.#judgeUnlessRepeated([text])
    yield { type: 'part', part: whole }
  }

  *#splitOther(event: Event): Generator<Piece<Event>> {
    const { type } = event
    const rules = table.known(table.EVENTS, type)
    if (!rules) {
      throw new UnknownChunkError(
        `Expected ${EXPECTED} that is known here, got type ${nameOf(type)}: what of it is text is not known, so it was not released`,
      )
    }
    const ended = boundaryOf(event)
    if (ended) yield* this.#end(textOf(event, ended))
    if (rules.speech) {
      yield* this.#speech(type)
      return
    }
    const found: Found = { texts: [], contents: [], speech: false }
    const part = this.#placeOf(event, rules.rules) as Event
    if (rules.what && rules.payload) {
      const name = typeof part.name === 'string' ? part.name : undefined
      this.#find(found, rules, part, String(event.item_id ?? event.output_index), name)
    } else if (rules.what) {
      found.contents.push({ what: rules.what, key: String(event.item_id), texts: [] })
    }
    if (rules.rules.item) part.item = this.#item(event.item, found)
    if (rules.rules.part) part.part = this.#part(event.part, found)
    if (rules.rules.response) part.response = this.#response(event.response, found)
    if (part.part === null) {
      yield* this.#speech(type)
      return
    }
    if (found.speech) yield* this.#speech(type)

    if (type.endsWith('.delta') && typeof part.delta === 'string' && this.#isJudged(rules.what)) {
      // Arguments as they come.
      if (part.delta === '') yield { type: 'part', part }
      else yield* this.#judgeDelta(`${event.output_index} ${type}`, part.delta, part, false)
      return
    }
    if (type.endsWith('.done')) yield* this.#end(`${event.output_index} ${type.replace(/done$/u, 'delta')}`)
    yield* this.#judgeUnlessRepeated(found.texts)
    yield* this.#pass(part, found.contents, OPENING.has(type))
  }

  /** Sends an event with what is judged, announced or refused of it. */
  *#pass(part: Event, contents: Found['contents'], opening: boolean): Generator<Piece<Event>> {
    let unjudged: Passed | undefined
    for (const { texts, ...passed } of contents) {
      const todo = treatment(passed.what, this.options)
      if (todo === 'block') {
        yield { type: 'block', what: passed.what }
        return
      }
      if (todo === 'judge') {
        yield* this.#judgeUnlessRepeated(texts, true)
        continue
      }
      unjudged = passed
    }
    yield { type: 'part', part: snapshotOf(part), opening, ...(unjudged && { unjudged }) }
  }

  *#speech(type: string): Generator<Piece<Event>> {
    if (this.options.media === 'block') yield { type: 'block', what: 'media' }
    else yield { type: 'omitted', field: type }
  }

  *#judgeDelta(key: string, text: string, event: Event, reasoning: boolean): Generator<Piece<Event>> {
    const open = this.#open.get(key) ?? { text: '' }
    if (open.text === '') this.#texts.push(open)
    open.text += text
    this.#open.set(key, open)
    const write = (released: string, last: boolean) => ({
      ...event,
      delta: released,
      ...('logprobs' in event && !last && { logprobs: [] }),
    })
    yield { type: 'text', key, text, reasoning, write }
  }

  *#end(key: string): Generator<Piece<Event>> {
    this.#open.delete(key)
    yield { type: 'end', key }
  }

  /**
   * Servers repeat a text whole when it is complete, some without the white space around it. One that is not a
   * repetition is judged by itself first; of a tool call, all that is not in one.
   */
  *#judgeUnlessRepeated(texts: readonly string[], together = false): Generator<Piece<Event>> {
    const fresh = texts.filter((text) => {
      const trimmed = text.trim()
      return text !== '' && !this.#texts.some((one) => one.text.trim() === trimmed)
    })
    for (const text of fresh) this.#texts.push({ text })
    for (const text of together && fresh.length > 0 ? [fresh.join('\n')] : fresh) {
      const key = `whole ${this.#texts.length} ${text.length}`
      yield { type: 'text', key, text, write: () => null }
      yield { type: 'end', key }
    }
  }

  #isJudged(what: table.Known['what']): boolean {
    return what !== undefined && treatment(what, this.options) === 'judge'
  }

  /** What passes of an event, and of the text in it. */
  #placeOf(fields: Fields, rules: Rules, text = ''): Fields {
    const kept = known(fields, rules, '', this.#sieve)
    if ('logprobs' in kept) kept.logprobs = logprobsOf(kept.logprobs, text, 'logprobs', this.#sieve) ?? []
    return kept
  }

  /** What is known of an item. */
  #item(item: unknown, found: Found): unknown {
    if (!isObject(item))
      throw new WrongChunkError(`Expected the item of an event to be an object, got ${typeof item}`)
    const rules = table.known(table.ITEMS, item.type)
    if (!rules) throw unknownOf('items', item.type)
    const { content, summary, ...rest } = item
    const kept = known(rest, rules.rules, 'item', this.#sieve)
    if (rules.what) {
      const { id, call_id, name } = item
      this.#find(found, rules, kept, String(id ?? call_id), typeof name === 'string' ? name : undefined)
    }
    for (const [name, list] of [
      ['content', content],
      ['summary', summary],
    ] as const) {
      if (list === undefined) continue
      if (rules.what !== undefined) {
        if (list !== null) this.#sieve.omit(`item.${name}`)
        continue
      }
      if (typeof list === 'string') found.texts.push(list)
      if (Array.isArray(list)) {
        kept[name] = list.map((part) => this.#part(part, found)).filter((part) => part !== null)
      } else if (typeof list === 'string' || list === null) {
        kept[name] = list
      } else {
        this.#sieve.omit(`item.${name}`)
      }
    }
    return kept
  }

  #find(found: Found, rules: table.Known, kept: Fields, key: string, name?: string): void {
    const texts = (rules.payload ?? []).flatMap((field) => textsWithin(kept[field]))
    const what = rules.what as NonNullable<table.Known['what']>
    found.contents.push({ what, key, texts, ...(name !== undefined && { name }) })
  }

  /** What is known of a part; null if it is speech. */
  #part(part: unknown, found: Found): unknown {
    if (!isObject(part))
      throw new WrongChunkError(`Expected the part of an event to be an object, got ${typeof part}`)
    const rules = table.known(table.PARTS_KNOWN, part.type)
    if (!rules) throw unknownOf('parts', part.type)
    if (rules.speech) {
      found.speech = true
      return null
    }
    for (const text of [part.text, part.refusal]) {
      if (typeof text === 'string') found.texts.push(text)
      else if (text != null)
        throw new WrongChunkError(`Expected the text of a part to be text, got ${typeof text}`)
    }
    const kept = known(part, rules.rules, 'part', this.#sieve)
    if ('logprobs' in kept) {
      kept.logprobs = logprobsOf(kept.logprobs, String(part.text ?? ''), 'part.logprobs', this.#sieve) ?? []
    }
    return kept
  }

  #response(response: unknown, found: Found): unknown {
    if (!isObject(response)) {
      throw new WrongChunkError(`Expected the response of an event to be an object, got ${typeof response}`)
    }
    const { output, ...rest } = response
    const kept = known(rest, table.RESPONSE, 'response', this.#sieve)
    if (output === undefined) return kept
    if (!Array.isArray(output))
      throw new WrongChunkError('Expected the output of a response to be a list of items')
    return { ...kept, output: output.map((item) => this.#item(item, found)) }
  }
}

/**
 * An event as it is now: some versions of the SDK's `responses.stream()` go on writing into the objects of events that
 * it has given out.
 */
function snapshotOf(event: Event): Event {
  return JSON.parse(JSON.stringify(event)) as Event
}

function unknownOf(things: string, type: unknown): UnknownChunkError {
  return new UnknownChunkError(
    `Expected ${things} of a response of a type that is known here, got ${nameOf(type)}: what of it is text is not known, so it was not released`,
  )
}
