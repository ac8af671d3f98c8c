import { TemplateError } from '../errors.js'
import { ChatTemplate, type Rendered } from '../tokenizer/chat-template.js'
import type { Overlong, Tokenizer } from '../tokenizer/tokenizer.js'
import type { Message } from '../types.js'

/** A conversation as Stream reads it. */
export interface StreamPrompt {
  /** Up to and including the `<|im_end|>` of the last user turn, where the query heads are read. */
  prompt: Int32Array
  /** What opens the assistant's turn; its positions are not judged. */
  scaffold: Int32Array
  /** What would open it without reasoning: the same, unless the reply begins with reasoning. */
  answerScaffold: Int32Array
}

const TURN_END = '<|im_end|>'
const ANSWER_SCAFFOLD = '\n<|im_start|>assistant\n<think>\n\n</think>\n\n'
const REASONING_SCAFFOLD = '\n<|im_start|>assistant\n<think>\n'

/** Qwen3's chat template, with which Stream is trained. */
export class StreamTemplate {
  readonly #template: ChatTemplate
  readonly #tokenizer: Tokenizer

  private constructor(template: ChatTemplate, tokenizer: Tokenizer) {
    this.#template = template
    this.#tokenizer = tokenizer
  }

  /** @throws TemplateError if there is no template or it writes turns otherwise than Qwen3's. */
  static async create(source: string | null, tokenizer: Tokenizer): Promise<StreamTemplate> {
    if (source === null) {
      throw new TemplateError(
        "this GGUF has no chat template: give Qwen3's with the option `chatTemplate` (command line: `--chat-template FILE`)",
      )
    }
    const template = new StreamTemplate(new ChatTemplate(source), tokenizer)
    await template.#render([{ role: 'user', content: '' }], false)
    return template
  }

  /**
   * Ids of a conversation that ends with a user's message; of one with more than `most` only that it has them.
   * Reasoning of earlier turns is left out, as Qwen3 does.
   */
  async encode(messages: readonly Message[], reasoning: boolean): Promise<StreamPrompt>
  async encode(
    messages: readonly Message[],
    reasoning: boolean,
    most: number,
  ): Promise<StreamPrompt | Overlong>
  async encode(
    messages: readonly Message[],
    reasoning: boolean,
    most = Number.POSITIVE_INFINITY,
  ): Promise<StreamPrompt | Overlong> {
    // The template writes more than one token for each.
    if (messages.length > most) return { atLeast: messages.length }
    const rendered = await this.#render(messages, reasoning)
    const encoded = await this.#tokenizer.encodeRendered(rendered, most)
    if ('atLeast' in encoded) return encoded
    const { ids, added } = encoded
    const close = this.#tokenizer.addedId(TURN_END)
    const last = added.findLast(({ id }) => id === close)
    if (last === undefined) throw new TemplateError(`the vocabulary has no ${TURN_END}`)
    const scaffold = ids.slice(last.index + 1)
    const answer = reasoning ? this.#tokenizer.encodeRendered({ ...rendered, text: ANSWER_SCAFFOLD }) : null
    const answerScaffold = (await answer)?.ids ?? scaffold
    return { prompt: ids.slice(0, last.index + 1), scaffold, answerScaffold }
  }

  /** Ids with which every prompt begins that goes on from an assistant's message: up to that message's end; null for more than `most`. */
  async encodeHistory(messages: readonly Message[], most: number): Promise<Int32Array | null> {
    const encoded = await this.encode([...messages, { role: 'user', content: '' }], false, most)
    if ('atLeast' in encoded) return null
    const { prompt } = encoded
    const close = this.#tokenizer.addedId(TURN_END) as number
    return prompt.slice(0, prompt.lastIndexOf(close, -2) + 1)
  }

  async #render(messages: readonly Message[], reasoning: boolean): Promise<Rendered> {
    const rendered = await this.#template.render(messages, this.#tokenizer.spellings, {
      add_generation_prompt: true,
      enable_thinking: false,
    })
    const turnsEnd = rendered.text.lastIndexOf(TURN_END) + TURN_END.length
    const scaffold = rendered.text.slice(turnsEnd)
    if (scaffold !== ANSWER_SCAFFOLD) {
      throw new TemplateError(
        `the chat template opens the assistant's turn with ${JSON.stringify(scaffold)}, and Stream is trained on ${JSON.stringify(ANSWER_SCAFFOLD)}: ` +
          "give Qwen3's template with the option `chatTemplate` (command line: `--chat-template FILE`)",
      )
    }
    // With thinking enabled Qwen3's template leaves the rest to the model, which opens its reasoning.
    return reasoning ? { ...rendered, text: rendered.text.slice(0, turnsEnd) + REASONING_SCAFFOLD } : rendered
  }
}
