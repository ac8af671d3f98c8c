import { Template } from '@huggingface/jinja'
import { TemplateError } from '../errors.js'
import type { Message } from '../types.js'

/** A rendered conversation in which spellings of added tokens are the template's own. */
export interface Rendered {
  text: string
  /** Stands inside every spelling that came with a message; to be removed once the text is split at spellings. */
  shield: string
}

/** A chat template, compiled. */
export class ChatTemplate {
  readonly source: string
  readonly #template: Template

  /** @throws TemplateError if the source is not a Jinja template. */
  constructor(source: string) {
    this.source = source
    try {
      this.#template = new Template(source)
    } catch (cause) {
      throw new TemplateError(`the chat template does not compile: ${reason(cause)}`, { cause })
    }
  }

  /**
   * Renders messages with the template's options. `spellings` are the added tokens: what a message
   * itself spells of them is shielded before the template sees it, so that no content ends its turn.
   * @throws TemplateError if the template refuses the messages.
   */
  render(
    messages: readonly Message[],
    spellings: readonly string[],
    options: Record<string, unknown>,
  ): Rendered {
    const shield = freeCharacter([this.source, ...messages.map((message) => message.content)])
    const shielded = messages.map(({ role, content }) => ({
      role,
      content: shieldSpellings(content, spellings, shield),
    }))
    try {
      return { text: this.#template.render({ ...options, messages: shielded }), shield }
    } catch (cause) {
      throw new TemplateError(`the chat template does not render these messages: ${reason(cause)}`, { cause })
    }
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

/** A character in none of the texts: a noncharacter or, where all of them occur, one for private use. */
function freeCharacter(texts: readonly string[]): string {
  for (const [first, last] of [
    [0xfdd0, 0xfdef],
    [0xe000, 0xf8ff],
  ] as const) {
    for (let code = first; code <= last; code++) {
      const character = String.fromCharCode(code)
      if (!texts.some((text) => text.includes(character))) return character
    }
  }
  throw new TypeError(
    'The messages contain every noncharacter and every private-use character of the basic plane',
  )
}

/** Puts the shield after the first character of each spelling, also of one that the end of the content cuts off. */
function shieldSpellings(content: string, spellings: readonly string[], shield: string): string {
  const firsts = new Set(spellings.map((spelling) => spelling.charAt(0)))
  const longest = Math.max(0, ...spellings.map((spelling) => spelling.length))
  let shielded = ''
  let from = 0
  for (let at = 0; at < content.length; at++) {
    if (!firsts.has(content.charAt(at))) continue
    const here = content.slice(at, at + longest)
    if (spellings.some((spelling) => here.startsWith(spelling) || spelling.startsWith(here))) {
      shielded += content.slice(from, at + 1) + shield
      from = at + 1
    }
  }
  return shielded + content.slice(from)
}
