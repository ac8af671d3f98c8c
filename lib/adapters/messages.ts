import type { Input, Message } from '../types.js'

/** What a reply can be judged against: a user's message, or the messages or input items of a call. */
export type ForeignInput = string | readonly object[]

/** A message as we, the AI SDK and OpenAI have it. Items of other kinds, such as tool calls, have no role. */
interface ForeignMessage {
  role?: string
  content?: unknown
  reasoning?: unknown
  refusal?: unknown
}

const ROLES: Partial<Record<string, Message['role']>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
}

/**
 * The conversation that a reply is judged against: its text up to the last user message. Images, files, tool
 * calls and their results are left out.
 * @throws TypeError if there is no user message, or one without content
 */
export function conversationOf(input: ForeignInput): Input {
  if (typeof input === 'string') return input
  if (!Array.isArray(input)) {
    throw new TypeError(
      `Expected a text or a list of messages, got ${input === null ? 'null' : typeof input}`,
    )
  }
  const messages = input.flatMap((message: ForeignMessage) => {
    const role = ROLES[message?.role ?? '']
    if (role === undefined) return []
    if (role !== 'assistant' && typeof message.content !== 'string' && !Array.isArray(message.content)) {
      // Another kind of message, such as the AI SDK's for interfaces: its text would not be judged.
      throw new TypeError(`Expected the content of a ${role} message to be text or a list of parts`)
    }
    const { content, reasoning } = textOf(message)
    // What an assistant's turn of tool calls alone has said is nothing.
    if (role === 'assistant' && content === '' && reasoning === '') return []
    return [{ role, content, ...(role === 'assistant' && reasoning !== '' && { reasoning }) }]
  })
  const last = messages.findLastIndex(({ role }) => role === 'user')
  if (last < 0) throw new TypeError('Expected a user message among the messages, to judge the reply against')
  return messages.slice(0, last + 1)
}

function textOf({ content, reasoning, refusal }: ForeignMessage): { content: string; reasoning: string } {
  const given = typeof reasoning === 'string' ? reasoning : ''
  if (typeof content === 'string') return { content, reasoning: given }
  if (typeof refusal === 'string') return { content: refusal, reasoning: given }
  const texts: Record<'content' | 'reasoning', string[]> = { content: [], reasoning: given ? [given] : [] }
  for (const part of Array.isArray(content) ? content : []) {
    const { type, text, refusal } = part as Record<string, unknown>
    if (typeof text === 'string') texts[type === 'reasoning' ? 'reasoning' : 'content'].push(text)
    if (typeof refusal === 'string') texts.content.push(refusal)
  }
  return { content: texts.content.join('\n'), reasoning: texts.reasoning.join('\n') }
}
