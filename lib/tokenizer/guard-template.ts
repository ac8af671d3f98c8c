import { TemplateError } from '../errors.js'
import { ChatTemplate } from './chat-template.js'

/**
 * A chat template that asks for a safety verdict.
 *
 * @param modelName what the model is called, to say what it probably is
 * @throws TemplateError if there is none, it does not render, or it asks for something else
 */
export async function guardTemplate(
  source: string | null,
  modelName: string | null = null,
): Promise<ChatTemplate> {
  if (source === null) {
    throw new TemplateError(`this GGUF has no chat template: ${MENDING}`)
  }
  const template = new ChatTemplate(source)
  const { text } = await template.render([{ role: 'user', content: '' }], [], RENDER_OPTIONS)
  if (!text.includes('Safety:') || !text.includes('Categories:')) {
    throw new TemplateError(
      `the chat template does not ask for 'Safety:' and 'Categories:': with it the model chats instead of classifying. ${likelyKind(modelName)}${MENDING}`,
    )
  }
  return template
}

/** As the official template is rendered. */
export const RENDER_OPTIONS = { add_generation_prompt: true, enable_thinking: false }

const MENDING =
  "Give Qwen3Guard-Gen's own template with the option `chatTemplate` (command line: `--chat-template FILE`), or use a GGUF made by `npx qwen3guard convert`"

/** A name is all that tells Gen with a general template, as many conversions have, from a plain Qwen3. */
function likelyKind(modelName: string | null): string {
  const named = modelName === null ? '' : ` (${JSON.stringify(modelName)})`
  if (/guard/i.test(modelName ?? '')) return `The model${named} lacks its own template. `
  return (
    `The model${named} is probably a plain chat model, and no template makes a guard of it: use a Qwen3Guard-Gen GGUF ` +
    '(`npx qwen3guard pull qwen3guard-gen-0.6b`). If it is Qwen3Guard-Gen all the same: '
  )
}
