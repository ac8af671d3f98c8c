import { atOnceOrLater, type Steps } from '../event-loop.js'
import { hasReasoning, replyText } from '../reasoning.js'
import type { ChatTemplate, Rendered } from '../tokenizer/chat-template.js'
import { commonLength } from '../tokenizer/common-length.js'
import { guardTemplate, RENDER_OPTIONS } from '../tokenizer/guard-template.js'
import type { Overlong, Tokenizer } from '../tokenizer/tokenizer.js'
import type { Message } from '../types.js'
import { between, type ConstantParts, constantParts, joined } from './constant-parts.js'

/** Gen's two tasks: judging the last prompt, or the last reply and whether it refuses. */
export type GenMode = 'prompt' | 'response'

/** The last message's role picks the task, as in the official template. */
export function modeOf(messages: readonly Message[]): GenMode {
  return messages.at(-1)?.role === 'assistant' ? 'response' : 'prompt'
}

/** Gen's chat template: it writes the safety policy and the conversation into one user turn. */
export class GenTemplate {
  readonly #template: ChatTemplate
  readonly #tokenizer: Tokenizer
  /** What the template writes around every conversation of a mode, once it is known: most of a prompt. */
  readonly #parts = new Map<GenMode, ConstantParts>()

  /** `template` is one that `guardTemplate` let pass. */
  constructor(template: ChatTemplate, tokenizer: Tokenizer) {
    this.#template = template
    this.#tokenizer = tokenizer
  }

  /** @throws TemplateError if there is no template or it does not ask for a safety verdict. */
  static async create(
    source: string | null,
    tokenizer: Tokenizer,
    modelName: string | null = null,
  ): Promise<GenTemplate> {
    return new GenTemplate(await guardTemplate(source, modelName), tokenizer)
  }

  /** Ids of the prompt that asks for a verdict about the conversation; of one with more than `most` only that. */
  async encode(messages: readonly Message[]): Promise<Int32Array>
  async encode(messages: readonly Message[], most: number): Promise<Int32Array | Overlong>
  async encode(
    messages: readonly Message[],
    most = Number.POSITIVE_INFINITY,
  ): Promise<Int32Array | Overlong> {
    return await atOnceOrLater(this.encoding(messages, most))
  }

  /** As `encode`, at once where the texts are short. */
  *encoding(messages: readonly Message[], most: number): Steps<Int32Array | Overlong> {
    // The template writes more than one token for each.
    if (messages.length > most) return { atLeast: messages.length }
    const rendered = yield* this.#rendering(messages)
    const parts = this.#parts.get(modeOf(messages))
    const middle = parts && between(rendered, parts)
    if (!parts || !middle) {
      const encoded = yield* this.#tokenizer.encodingRendered(rendered, most)
      return 'ids' in encoded ? encoded.ids : encoded
    }
    const constant = parts.head.ids.length + parts.tail.ids.length
    const encoded = yield* this.#tokenizer.encodingRendered(middle, Math.max(0, most - constant))
    return 'ids' in encoded ? joined(parts, encoded) : { atLeast: encoded.atLeast + constant }
  }

  *#rendering(messages: readonly Message[]): Steps<Rendered> {
    return yield* this.#template.rendering(
      messages.map((message) => ({ role: message.role, content: judged(message) })),
      this.#tokenizer.spellings,
      RENDER_OPTIONS,
    )
  }

  /** Ids with which every prompt of this mode begins: the safety policy. */
  async encodeConstantHead(mode: GenMode): Promise<Int32Array> {
    // Unlike in their first characters and their last, so that the common parts end where the conversation is.
    const conversation = (content: string): Message[] => {
      const turn: Message = { role: 'user', content }
      return mode === 'prompt' ? [turn] : [turn, { role: 'assistant', content }]
    }
    const [first, second] = [conversation('Hello'), conversation('[1]')]
    const [a, b] = [await this.encode(first), await this.encode(second)]
    const parts = await constantParts(
      this.#tokenizer,
      await atOnceOrLater(this.#rendering(first)),
      await atOnceOrLater(this.#rendering(second)),
    )
    if (parts) this.#parts.set(mode, parts)
    return a.slice(0, commonLength(a, b))
  }
}

/** Reasoning is judged with the answer it led to, as ordinary text, written as Qwen3's template writes them. */
function judged(message: Message): string {
  return hasReasoning(message) ? `<think>\n${replyText(message)}` : message.content
}
