import { TooLongError } from './errors.js'
import type { Input, Message } from './types.js'

const ROLES: Partial<Record<string, Message['role']>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
}

/** Roles of messages that are no text of the conversation, and are left out of it. */
const LEFT_OUT = new Set(['tool', 'function'])

/** Kinds of items without a role that stand among messages, and are left out as well. */
const ITEMS =
  /^(?:reasoning|item_reference|compaction|\w+_call|\w+_call_output|\w+_approval_\w+|mcp_list_tools)$/

/** Kinds of content parts that hold the text of an answer or of what led to it. */
const TEXT_PARTS = new Set(['text', 'input_text', 'output_text', 'summary_text', 'refusal'])
const REASONING_PARTS = new Set(['reasoning', 'reasoning_text', 'thinking'])

function shown(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return `'${value.slice(0, 40)}'`
  return Array.isArray(value) ? 'an array' : typeof value
}

/** What a message says. `other` names what it holds beside text, such as an image. */
interface Said {
  content: string | null
  reasoning: string | null
  other: string | null
}

/**
 * The messages of an input, checked and copied: what the caller changes afterwards changes nothing. Messages may be
 * those of OpenAI's and the AI SDK's, with content in parts, without content, or of a developer or a tool; then the
 * text parts are joined by line breaks, and tool calls, their results and media are left out.
 *
 * Callers in plain JavaScript reach this with anything.
 *
 * @param most messages that can have room; each is more than one token
 * @throws TypeError if the input is not a string or a list of messages that ends with one of `lastRoles`, which says
 *   something; TooLongError for more than `most` messages
 */
export function toMessages(
  input: Input,
  lastRoles: readonly Message['role'][],
  most = Number.POSITIVE_INFINITY,
): Message[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }]
  if (!Array.isArray(input)) {
    throw new TypeError(`Expected a string or an array of messages, got ${shown(input)}`)
  }
  const { length } = input
  if (length === 0) throw new TypeError('Expected at least one message, got an empty array')
  if (length > most) {
    const mending = "leave out its oldest messages, or set `history: 'drop'`"
    throw new TooLongError(length, most, 'the conversation', true, mending)
  }
  const messages: Message[] = []
  for (let at = 0; at < length; at++) {
    const message = read(input, at, at === length - 1)
    if (message) messages.push(message)
  }
  // A message that is left out is never the last: `read` says so.
  const last = messages.at(-1) as Message
  if (!lastRoles.includes(last.role)) {
    const wanted = lastRoles.map((name) => `'${name}'`).join(' or ')
    throw new TypeError(`Expected the last message to have the role ${wanted}, got '${last.role}'`)
  }
  return messages
}

/** The message at `at`, or null if it is none that says something. */
function read(input: readonly unknown[], at: number, last: boolean): Message | null {
  try {
    return readMessage(input[at], at, last)
  } catch (cause) {
    if (cause instanceof WrongMessage) throw cause
    // A getter or a proxy of the caller's.
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TypeError(`Message ${at} cannot be read: ${reason}`, { cause })
  }
}

class WrongMessage extends TypeError {}
Object.defineProperty(WrongMessage.prototype, 'name', { value: 'TypeError' })

function readMessage(message: unknown, at: number, last: boolean): Message | null {
  if (typeof message !== 'object' || message === null) {
    throw new WrongMessage(`Expected message ${at} to be { role, content }, got ${shown(message)}`)
  }
  const { role: given, type } = message as Record<string, unknown>
  const leftOut =
    given === undefined ? typeof type === 'string' && ITEMS.test(type) : LEFT_OUT.has(String(given))
  if (leftOut) {
    if (!last) return null
    throw new WrongMessage(
      given === undefined
        ? `Expected message ${at}, which is judged, to be { role, content }, got an item of type '${type}'`
        : `Expected the role of message ${at}, which is judged, to be 'user' or 'assistant', got '${given}'`,
    )
  }
  const role = typeof given === 'string' && Object.hasOwn(ROLES, given) ? ROLES[given] : undefined
  if (role === undefined) {
    const names = Object.keys(ROLES).map((name) => `'${name}'`)
    throw new WrongMessage(
      `Expected the role of message ${at} to be ${names.join(', ')}, got ${shown(given)}`,
    )
  }
  const { content, reasoning, other } = readText(message as Record<string, unknown>, role, at)
  if (reasoning !== null && role !== 'assistant') {
    throw new WrongMessage(
      `Message ${at} has reasoning, but only an assistant's message can: its role is '${role}'`,
    )
  }
  if (content === null && reasoning === null) {
    if (role === 'assistant' && !last) return null
    if (other !== null && !last) return null
    throw new WrongMessage(
      `Expected the content of message ${at} to be a string or a list of parts with text, got ${other ?? shown((message as { content?: unknown }).content)}`,
    )
  }
  return { role, content: content ?? '', ...(reasoning !== null && { reasoning }) }
}

function readText(message: Record<string, unknown>, role: Message['role'], at: number): Said {
  const { content, reasoning, refusal, tool_calls: calls } = message
  if (reasoning !== undefined && reasoning !== null && typeof reasoning !== 'string') {
    throw new WrongMessage(`Expected the reasoning of message ${at} to be a string, got ${shown(reasoning)}`)
  }
  const said: Said = {
    content: typeof content === 'string' ? content : null,
    reasoning: typeof reasoning === 'string' ? reasoning : null,
    other: Array.isArray(calls) && calls.length > 0 ? 'tool calls alone' : null,
  }
  if (content === null || content === undefined) {
    if (role === 'assistant' && typeof refusal === 'string') return { ...said, content: refusal }
    return said
  }
  if (typeof content === 'string') return said
  if (!Array.isArray(content)) {
    throw new WrongMessage(
      `Expected the content of message ${at} to be a string or a list of parts, got ${shown(content)}`,
    )
  }
  const texts: string[] = []
  const thoughts: string[] = said.reasoning === null ? [] : [said.reasoning]
  const { length } = content
  for (let i = 0; i < length; i++) {
    const part: unknown = content[i]
    if (typeof part === 'string') {
      texts.push(part)
      continue
    }
    if (typeof part !== 'object' || part === null) {
      throw new WrongMessage(`Expected part ${i} of message ${at} to be { type, text }, got ${shown(part)}`)
    }
    const { type, text, refusal, thinking } = part as Record<string, unknown>
    const words = typeof text === 'string' ? text : typeof refusal === 'string' ? refusal : thinking
    if (REASONING_PARTS.has(String(type)) && typeof words === 'string') thoughts.push(words)
    else if ((type === undefined || TEXT_PARTS.has(String(type))) && typeof words === 'string')
      texts.push(words)
    else if (typeof type !== 'string' || TEXT_PARTS.has(type)) {
      throw new WrongMessage(
        `Expected part ${i} of message ${at} to have a type and, where that is text, a text: got type ${shown(type)}, text ${shown(text)}`,
      )
    } else said.other = `a part of type '${type.slice(0, 40)}' and no text`
  }
  return {
    content: texts.length > 0 ? texts.join('\n') : null,
    reasoning: thoughts.length > 0 ? thoughts.join('\n') : null,
    other: said.other,
  }
}
