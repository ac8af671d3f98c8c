import { UnknownChunkError } from '../../errors.js'
import { type ContentOptions, FieldSieve, treatment } from '../content-options.js'
import { isObject, known, nameOf, notOne, textsWithin } from '../known-fields.js'
import { type BlockEvent, replacementFor } from '../moderator.js'
import type { Passed, Piece, Shape } from '../source-pieces.js'
import { PARTS, PAYLOAD, TEXT_PART } from './fields.js'
import { RAW_REASON } from './finish.js'
import type { Part } from './part.js'

const EXPECTED = 'a part of a stream of the AI SDK, an object with a `type`'

/** Takes the parts of a stream apart: each id of text and of reasoning is a text of its own. */
export class SdkShape implements Shape<Part> {
  /** Texts that have begun and not ended. */
  readonly #texts = new Set<string>()
  /** What closes the parts that were opened and not closed. */
  readonly #open = new Map<string, Part>()
  readonly #sieve: FieldSieve
  readonly #others: OtherParts
  #inStep = false

  constructor(
    readonly field: 'delta' | 'text',
    readonly options: ContentOptions,
    readonly finish: (inStep: boolean) => Part[],
  ) {
    this.#sieve = new FieldSieve(options)
    this.#others = new OtherParts(options, this.#sieve)
  }

  *split(part: Part): Generator<Piece<Part>> {
    requirePart(part)
    const { type } = part
    const [, kind, event] = /^(text|reasoning)-(start|delta|end)$/.exec(type) ?? []
    if (kind !== undefined) {
      yield* this.#splitText(part, kind, event as string)
    } else if (type === 'raw') {
      // A raw chunk of the provider's holds text that nobody has judged.
      yield { type: 'omitted', field: 'raw' }
    } else {
      const rules = rulesOf(type)
      if (rules.closing) {
        for (const key of this.#texts) yield { type: 'end', key }
        this.#texts.clear()
      }
      yield* this.#others.split(part, (kept) => kept, this.#texts)
    }
    yield* this.#sieve.told()
  }

  *#splitText(part: Part, kind: string, event: string): Generator<Piece<Part>> {
    const { type, id } = part
    const { [this.field]: text, ...rest } = part
    const lane = `${kind} ${id}`
    const kept = known(rest, TEXT_PART, type, this.#sieve) as Part
    if (event === 'end') {
      this.#texts.delete(lane)
      yield { type: 'end', key: lane }
    }
    if (event !== 'delta') {
      yield { type: 'part', part: kept, lane, opening: event === 'start' }
      return
    }
    if (typeof text !== 'string') throw new TypeError(`Expected ${this.field} of a ${type} part to be text`)
    const write = (released: string, last: boolean) =>
      last ? { ...kept, [this.field]: released } : { type, id, [this.field]: released }
    if (text === '') {
      yield { type: 'part', part: write('', true), lane }
    } else {
      this.#texts.add(lane)
      yield { type: 'text', key: lane, lane, text, reasoning: kind === 'reasoning', write }
    }
  }

  sent(part: Part): Part {
    const { type, id } = part
    const [, kind, event] = /^(text|reasoning|tool-input)-(start|end)$/.exec(type) ?? []
    if (event === 'start') this.#open.set(`${kind} ${id}`, { type: `${kind}-end`, id })
    if (event === 'end') this.#open.delete(`${kind} ${id}`)
    if (type === 'start-step') this.#inStep = true
    if (type === 'finish-step') this.#inStep = false
    return part
  }

  *blocked(block: BlockEvent): Generator<Part> {
    yield* this.#open.values()
    const id = RAW_REASON
    const text = replacementFor(block, this.options)
    if (text !== '') {
      yield { type: 'text-start', id }
      yield { type: 'text-delta', id, [this.field]: text }
      yield { type: 'text-end', id }
    }
    yield* this.finish(this.#inStep)
  }
}

/** A part of a result, with the place in it. */
interface Placed {
  at: number
  content: Part
}

export async function* numbered(contents: readonly Part[]): AsyncGenerator<Placed> {
  if (!Array.isArray(contents)) {
    throw new TypeError(`Expected the content of a result to be a list of parts, got ${typeof contents}`)
  }
  for (const [at, content] of contents.entries()) yield { at, content }
}

/** Takes the content of a finished call apart, as a stream of its parts. */
export class ContentShape implements Shape<Placed> {
  isBlocked = false
  readonly #sieve: FieldSieve
  readonly #others: OtherParts

  constructor(readonly options: ContentOptions) {
    this.#sieve = new FieldSieve(options)
    this.#others = new OtherParts(options, this.#sieve)
  }

  *split({ at, content }: Placed): Generator<Piece<Placed>> {
    requirePart(content)
    const { type } = content
    const key = String(at)
    if (type === 'text' || type === 'reasoning') {
      const { text, ...rest } = content
      if (typeof text !== 'string') throw new TypeError(`Expected the text of a ${type} part to be text`)
      const kept = known(rest, TEXT_PART, type, this.#sieve)
      const write = (released: string, last: boolean): Placed => ({
        at,
        content: last ? { ...kept, type, text: released } : { type, text: released },
      })
      if (text === '') yield { type: 'part', part: write('', true) }
      else yield { type: 'text', key, text, reasoning: type === 'reasoning', write }
      yield { type: 'end', key }
    } else {
      yield* this.#others.split(content, (kept) => ({ at, content: kept }))
    }
    yield* this.#sieve.told()
  }

  *blocked(block: BlockEvent): Generator<Placed> {
    this.isBlocked = true
    const text = replacementFor(block, this.options)
    if (text !== '') yield { at: -1, content: { type: 'text', text } }
  }

  /** The parts with what was released of each text put together again. */
  async collect(parts: AsyncIterable<Placed>): Promise<Part[]> {
    const contents: Placed[] = []
    for await (const { at, content } of parts) {
      const before = contents.at(-1)
      if (before?.at === at) before.content = { ...content, text: `${before.content.text}${content.text}` }
      else contents.push({ at, content })
    }
    return contents.map(({ content }) => content)
  }
}

/** Parts that are no text of the reply's: what is known to be harmless passes, the rest is treated as the options say. */
class OtherParts {
  /** What was judged of a tool's input while it came, by its id. */
  readonly #inputs = new Map<string, string>()
  #files = 0

  constructor(
    readonly options: ContentOptions,
    readonly sieve: FieldSieve,
  ) {}

  /** `open` takes the keys of texts that are still to be ended. */
  *split<P>(part: Part, place: (kept: Part) => P, open = new Set<string>()): Generator<Piece<P>> {
    const { type } = part
    const { rules, what, opening = false } = rulesOf(type)
    const kept = known(part, rules, type, this.sieve) as Part
    if (what === undefined) {
      yield { type: 'part', part: place(kept), opening }
      return
    }
    const todo = treatment(what, this.options)
    if (todo === 'block') {
      yield { type: 'block', what }
    } else if (todo === 'judge') {
      yield* this.#judge(part, kept, place, open)
    } else {
      yield { type: 'part', part: place(kept), unjudged: this.#passed(what, part) }
    }
  }

  #passed(what: Passed['what'], { toolCallId, id, approvalId, toolName }: Part): Passed {
    // Files have no ids: each is one of its own.
    if (what === 'media') this.#files += 1
    const key = what === 'media' ? this.#files : (toolCallId ?? id ?? approvalId)
    return { what, key: String(key), ...(typeof toolName === 'string' && { name: toolName }) }
  }

  *#judge<P>(part: Part, kept: Part, place: (kept: Part) => P, open: Set<string>): Generator<Piece<P>> {
    const { type, id, delta } = part
    const key = `tool-input ${id}`
    if (type === 'tool-input-delta' && typeof delta === 'string' && delta !== '') {
      this.#inputs.set(String(id), (this.#inputs.get(String(id)) ?? '') + delta)
      open.add(key)
      const write = (text: string, last: boolean) =>
        place(last ? { ...kept, delta: text } : { type, id, delta: text })
      yield { type: 'text', key, text: delta, write }
      return
    }
    if (type === 'tool-input-end') {
      open.delete(key)
      yield { type: 'end', key }
    }
    const repeated = this.#inputs.get(String(part.toolCallId))
    const texts = PAYLOAD.flatMap((field) => textsWithin(kept[field])).filter((text) => text !== repeated)
    if (texts.length > 0) {
      const whole = `${type} ${part.toolCallId ?? part.approvalId ?? id}`
      yield { type: 'text', key: whole, text: texts.join('\n'), write: () => null }
      yield { type: 'end', key: whole }
    }
    yield { type: 'part', part: place(kept) }
  }
}

function requirePart(part: unknown): asserts part is Part {
  if (!isObject(part) || typeof part.type !== 'string') throw notOne(EXPECTED, part)
}

/** @throws UnknownChunkError for a type that is not known */
function rulesOf(type: string): (typeof PARTS)[string] {
  const rules = Object.hasOwn(PARTS, type) ? PARTS[type] : undefined
  if (rules) return rules
  throw new UnknownChunkError(
    `Expected ${EXPECTED} that is known here, got type ${nameOf(type)}: what of it is text is not known, so it was not released`,
  )
}
