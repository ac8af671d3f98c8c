import type { Template } from '@huggingface/jinja'
import { TemplateError } from '../errors.js'
import { atOnceOrLater, nextTurn, type Steps, settled, turnIsOver } from '../event-loop.js'
import type { Message } from '../types.js'
import { BLOCK } from './blocks.js'
import { wholeCharacters } from './normalise.js'
import { plainTemplate } from './plain-template.js'
import { wellFormed } from './pre-tokens.js'
import { renderApart, TemplateFailure } from './template-process.js'

/** A rendered conversation in which spellings of added tokens are the template's own. */
export interface Rendered {
  text: string
  /** Stands inside every spelling that came with a message; to be removed once the text is split at spellings. */
  shield: string
}

/** Messages, and UTF-16 units of them, that a plain template renders at once. */
const FEW_MESSAGES = 256
const FEW_UNITS = 131_072

/**
 * A chat template. One that can only take what the messages are worth renders on this thread what is short;
 * everything else is rendered in a process of its own, with limits on time and memory.
 */
export class ChatTemplate {
  readonly source: string
  readonly #plain: Template | null
  /** For the spellings and the character that were last asked for, which hardly ever change. */
  #shields: Shields | null = null

  constructor(source: string) {
    // As Jinja2 does: a file that was checked out on Windows must not put carriage returns into every prompt.
    this.source = source.replace(/\r\n?/g, '\n')
    this.#plain = plainTemplate(this.source)
  }

  /**
   * Renders messages with the template's options. `spellings` are the added tokens: what a message
   * itself spells of them is shielded before the template sees it, so that no content ends its turn.
   * @throws TemplateError if the template does not compile, refuses the messages or exceeds its limits.
   */
  async render(
    messages: readonly Message[],
    spellings: readonly string[],
    options: Record<string, unknown>,
  ): Promise<Rendered> {
    return await atOnceOrLater(this.rendering(messages, spellings, options))
  }

  /** As `render`, at once where the texts are short and the template is plain. */
  *rendering(
    messages: readonly Message[],
    spellings: readonly string[],
    options: Record<string, unknown>,
  ): Steps<Rendered> {
    const shield = yield* freeCharacter([this.source, ...messages.map((message) => message.content)])
    if (!this.#shields?.isFor(spellings, shield)) this.#shields = new Shields(spellings, shield)
    const shields = this.#shields
    const shielded: { role: Message['role']; content: string }[] = []
    for (const { role, content } of messages) {
      shielded.push({ role, content: yield* shields.apply(wellFormed(content)) })
    }
    return { text: yield* settled(this.#render({ ...options, messages: shielded })), shield }
  }

  #render(context: { messages: { role: string; content: string }[] }): string | Promise<string> {
    const { messages } = context
    const units = messages.reduce((sum, { content }) => sum + content.length, 0)
    if (this.#plain && messages.length <= FEW_MESSAGES && units <= FEW_UNITS) return this.#renderHere(context)
    return this.#renderApart(context)
  }

  async #renderApart(context: { messages: { role: string; content: string }[] }): Promise<string> {
    try {
      return await renderApart(this.source, context)
    } catch (error) {
      if (!(error instanceof TemplateFailure)) throw error
      if (this.#plain && error.stage === 'start') return this.#renderHere(context)
      const what = { start: 'could not be rendered', compile: 'does not compile', render: RENDER }[
        error.stage
      ]
      throw new TemplateError(`the chat template ${what}: ${error.message}`, { cause: error })
    }
  }

  #renderHere(context: Record<string, unknown>): string {
    try {
      return (this.#plain as Template).render(context)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new TemplateError(`the chat template ${RENDER}: ${reason}`, { cause })
    }
  }
}

const RENDER = 'does not render these messages'

/** Noncharacters, and where all of them occur, those for private use. */
const CANDIDATES = [
  [0xfdd0, 0xfdef],
  [0xe000, 0xf8ff],
] as const

/** A character in none of the texts. */
function* freeCharacter(texts: readonly string[]): Steps<string> {
  let used: Uint8Array | null = null
  for (const text of texts) {
    for (let at = 0; at < text.length; at += BLOCK) {
      const end = Math.min(text.length, at + BLOCK)
      for (let i = at; i < end; i++) {
        const code = text.charCodeAt(i)
        if (code < 0xe000 || code > 0xfdef || (code > 0xf8ff && code < 0xfdd0)) continue
        used ??= new Uint8Array(0x10000)
        used[code] = 1
      }
      if (text.length > BLOCK && turnIsOver()) yield nextTurn()
    }
  }
  for (const [first, last] of CANDIDATES) {
    for (let code = first; code <= last; code++) if (!used?.[code]) return String.fromCharCode(code)
  }
  throw new TypeError(
    'The messages contain every noncharacter and every private-use character of the basic plane',
  )
}

/** Puts a shield after the first character of each spelling, also of one that the end of the content cuts off. */
class Shields {
  readonly #given: readonly string[]
  readonly #spellings: readonly string[]
  readonly #shield: string
  readonly #whole: RegExp | null
  readonly #longest: number

  constructor(spellings: readonly string[], shield: string) {
    this.#given = spellings
    this.#spellings = spellings.filter(Boolean)
    this.#shield = shield
    const begins = this.#spellings.map((spelling) => {
      const [first = ''] = spelling
      return `${escaped(first)}(?=${escaped(spelling.slice(first.length))})`
    })
    this.#whole = begins.length > 0 ? new RegExp(begins.join('|'), 'gu') : null
    this.#longest = this.#spellings.reduce((most, { length }) => Math.max(most, length), 0)
  }

  /** The spellings are a tokenizer's own list, which never changes. */
  isFor(spellings: readonly string[], shield: string): boolean {
    return spellings === this.#given && shield === this.#shield
  }

  *apply(content: string): Steps<string> {
    if (this.#whole === null) return content
    let shielded = ''
    const tail = wholeCharacters(content, Math.max(0, content.length - this.#longest))
    for (let at = 0; at < tail; ) {
      const end = wholeCharacters(content, Math.min(tail, at + BLOCK))
      const view = content.slice(at, wholeCharacters(content, end + this.#longest))
      let from = 0
      for (const { 0: first, index } of view.matchAll(this.#whole)) {
        if (index >= end - at) break
        shielded += view.slice(from, index + first.length) + this.#shield
        from = index + first.length
      }
      shielded += view.slice(from, end - at)
      at = end
      if (at < tail && turnIsOver()) yield nextTurn()
    }
    return shielded + this.#applyToEnd(content.slice(tail))
  }

  #applyToEnd(tail: string): string {
    let shielded = ''
    let at = 0
    for (const character of tail) {
      const here = tail.slice(at)
      at += character.length
      const spelled = this.#spellings.some(
        (spelling) => here.startsWith(spelling) || spelling.startsWith(here),
      )
      shielded += spelled ? character + this.#shield : character
    }
    return shielded
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/gu, '\\$&')
}
