import { TooLongError } from './errors.js'
import { type LeftOut, shown, textOf } from './message-parts.js'
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

/** Messages of any conversation: a list of the caller's may say that it has no end. */
const MOST_MESSAGES = 1 << 20

/** What becomes of images, audio and files among the parts of a message, which no guard reads. */
export type UnsupportedParts = 'error' | 'skip'

/** @throws TypeError if it is neither */
export function checkUnsupportedParts(how: unknown): asserts how is UnsupportedParts {
  if (how === 'error' || how === 'skip') return
  throw new TypeError(`Expected unsupportedParts to be 'error' or 'skip', got ${JSON.stringify(how)}`)
}

/** How an input is read. */
export interface InputReading {
  /** Messages that can have room; each is more than one token. */
  most?: number
  /** Default `'skip'`: media are left out where there is text beside them. A message of media alone is an error. */
  unsupportedParts?: UnsupportedParts | undefined
  /** Is told what is left out of which message. */
  onLeftOut?(kind: LeftOut, message: number): void
}

/**
 * The messages of an input, checked and copied: what the caller changes afterwards changes nothing. Messages may be
 * those of OpenAI's and the AI SDK's, with content in parts, without content, or of a developer or a tool; then the
 * text parts are joined by line breaks, and tool calls, their results and media are left out.
 *
 * Callers in plain JavaScript reach this with anything.
 *
 * @throws TypeError if the input is not a string or a list of messages that ends with one of `lastRoles`, which says
 *   something; TooLongError for more than `most` messages
 */
export function toMessages(
  input: Input,
  lastRoles: readonly Message['role'][],
  options: InputReading = {},
): Message[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }]
  const length = lengthOf(input)
  if (length === 0) throw new TypeError('Expected at least one message, got an empty array')
  const { unsupportedParts } = options
  const most = Math.min(options.most ?? MOST_MESSAGES, MOST_MESSAGES)
  if (unsupportedParts !== undefined) checkUnsupportedParts(unsupportedParts)
  if (length > most) {
    const mending = "leave out its oldest messages, or set `history: 'drop'`"
    throw new TooLongError(length, most, 'the conversation', true, mending)
  }
  const messages: Message[] = []
  for (let at = 0; at < length; at++) {
    const message = read(input, at, at === length - 1, options)
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

/** How many messages there are. A proxy of the caller's may throw, or say what no list does. */
function lengthOf(input: unknown): number {
  let length: unknown
  try {
    if (!Array.isArray(input)) {
      throw new WrongMessage(`Expected a string or an array of messages, got ${shown(input)}`)
    }
    ;({ length } = input)
  } catch (cause) {
    if (cause instanceof WrongMessage) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TypeError(`The messages cannot be read: ${reason}`, { cause })
  }
  if (typeof length === 'number' && Number.isInteger(length) && length >= 0) return length
  throw new TypeError(`Expected an array of messages with a length of 0 and more, got ${shown(length)}`)
}

/** The message at `at`, or null if it is none that says something. */
function read(input: readonly unknown[], at: number, last: boolean, options: InputReading): Message | null {
  try {
    return readMessage(input[at], at, last, options)
  } catch (cause) {
    if (cause instanceof WrongMessage) throw cause
    // A getter or a proxy of the caller's.
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TypeError(`Message ${at} cannot be read: ${reason}`, { cause })
  }
}

class WrongMessage extends TypeError {}
Object.defineProperty(WrongMessage.prototype, 'name', { value: 'TypeError' })

function readMessage(
  message: unknown,
  at: number,
  last: boolean,
  { unsupportedParts, onLeftOut }: InputReading,
): Message | null {
  if (typeof message !== 'object' || message === null) {
    throw new WrongMessage(`Expected message ${at} to be { role, content }, got ${shown(message)}`)
  }
  const { role: given, type } = message as Record<string, unknown>
  const isLeftOut =
    given === undefined ? typeof type === 'string' && ITEMS.test(type) : LEFT_OUT.has(String(given))
  if (isLeftOut) {
    if (!last) {
      onLeftOut?.(kindOfItem(given, type), at)
      return null
    }
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
  checkFields(message as Record<string, unknown>, at)
  const { content, reasoning, leftOut } = textOf(message, (part, got) => {
    throw new WrongMessage(
      `Expected part ${part} of message ${at} to have a type and, where that is text, a text: got ${got}`,
    )
  })
  const media = leftOut.find(({ kind }) => kind === 'media')
  if (media && unsupportedParts === 'error') {
    throw new WrongMessage(
      `Message ${at} has ${media.name.replace(' and no text', '')}, which no guard reads: 'skip' leaves such parts out where there is text`,
    )
  }
  for (const { kind } of leftOut) onLeftOut?.(kind, at)
  const other = leftOut.at(-1)?.name ?? null
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

/** What an item is that stands among messages and is none of the conversation's. */
function kindOfItem(role: unknown, type: unknown): LeftOut {
  return role !== undefined || String(type).endsWith('_output') ? 'tool-result' : 'tool-call'
}

function checkFields({ content, reasoning }: Record<string, unknown>, at: number): void {
  if (reasoning !== undefined && reasoning !== null && typeof reasoning !== 'string') {
    throw new WrongMessage(`Expected the reasoning of message ${at} to be a string, got ${shown(reasoning)}`)
  }
  if (content !== undefined && content !== null && typeof content !== 'string' && !Array.isArray(content)) {
    throw new WrongMessage(
      `Expected the content of message ${at} to be a string or a list of parts, got ${shown(content)}`,
    )
  }
}
