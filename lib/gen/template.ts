import { hasReasoning, replyText } from '../reasoning.js'
import type { ChatTemplate } from '../tokenizer/chat-template.js'
import { commonLength } from '../tokenizer/common-length.js'
import { guardTemplate, RENDER_OPTIONS } from '../tokenizer/guard-template.js'
import type { Overlong, Tokenizer } from '../tokenizer/tokenizer.js'
import type { Message } from '../types.js'

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
    // The template writes more than one token for each.
    if (messages.length > most) return { atLeast: messages.length }
    const rendered = await this.#template.render(
      messages.map((message) => ({ role: message.role, content: judged(message) })),
      this.#tokenizer.spellings,
      RENDER_OPTIONS,
    )
    const encoded = await this.#tokenizer.encodeRendered(rendered, most)
    return 'ids' in encoded ? encoded.ids : encoded
  }

  /** Ids with which every prompt of this mode begins: the safety policy. */
  async encodeConstantHead(mode: GenMode): Promise<Int32Array> {
    const [first, second] = await Promise.all(
      // Unlike in their first characters, so that the common part ends where the conversation begins.
      ['Hello', '[1]'].map((content) => {
        const turn: Message = { role: 'user', content }
        return this.encode(mode === 'prompt' ? [turn] : [turn, { role: 'assistant', content }])
      }),
    )
    const [a, b] = [first as Int32Array, second as Int32Array]
    return a.slice(0, commonLength(a, b))
  }
}

/** Reasoning is judged with the answer it led to, as ordinary text, written as Qwen3's template writes them. */
function judged(message: Message): string {
  return hasReasoning(message) ? `<think>\n${replyText(message)}` : message.content
}
