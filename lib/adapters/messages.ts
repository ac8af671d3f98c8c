import { type ForeignContent, textOf } from '../message-parts.js'
import type { Unjudged } from '../stream/events.js'
import type { Message } from '../types.js'

/** What a reply can be judged against: a user's message, or the messages or input items of a call. */
export type ForeignInput = string | readonly object[]

/** A message as we, the AI SDK and OpenAI have it. Items of other kinds, such as tool calls, have no role. */
interface ForeignMessage extends ForeignContent {
  type?: unknown
  role?: string
}

/** A conversation as a guard can read it, and what of it a guard cannot. */
export interface Prompt {
  input: string | Message[]
  /** Of all messages, those after the last user message too. */
  unjudged: ReadonlySet<Unjudged>
  /** Whether the message that is judged holds media and no text. */
  isMediaAlone: boolean
}

const ROLES: Partial<Record<string, Message['role']>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
}

/**
 * The conversation that a reply is judged against: its text up to the last user message. Images, files, tool
 * calls and their results are left out, and named.
 * @throws TypeError if there is no user message, or one without content
 */
export function promptOf(input: ForeignInput): Prompt {
  if (typeof input === 'string') return { input, unjudged: new Set(), isMediaAlone: false }
  if (!Array.isArray(input)) {
    throw new TypeError(
      `Expected a text or a list of messages, got ${input === null ? 'null' : typeof input}`,
    )
  }
  const unjudged = new Set<Unjudged>()
  const messages = input.flatMap((message: ForeignMessage) => {
    const role = ROLES[message?.role ?? '']
    if (role === undefined) {
      const what = kindOf(message)
      if (what) unjudged.add(what)
      return []
    }
    if (role !== 'assistant' && typeof message.content !== 'string' && !Array.isArray(message.content)) {
      // Another kind of message, such as the AI SDK's for interfaces: its text would not be judged.
      throw new TypeError(`Expected the content of a ${role} message to be text or a list of parts`)
    }
    const { media, tools, ...text } = contentOf(message)
    const [content, reasoning] = [text.content ?? '', text.reasoning ?? '']
    for (const { kind } of text.leftOut) unjudged.add(kind)
    // What a turn of tool calls, or of their results, alone has said is nothing.
    const isNothing = content === '' && reasoning === ''
    if (isNothing && !media && (role === 'assistant' || tools)) return []
    // An image is not an empty text: where there is nothing else, its place is kept.
    const shown = isNothing && media ? media : content
    const isMediaAlone = isNothing && media !== null
    return [
      { role, content: shown, ...(role === 'assistant' && reasoning !== '' && { reasoning }), isMediaAlone },
    ]
  })
  const last = messages.findLastIndex(({ role }) => role === 'user')
  if (last < 0) throw new TypeError('Expected a user message among the messages, to judge the reply against')
  return {
    input: messages.slice(0, last + 1).map(({ isMediaAlone: _, ...message }) => message),
    unjudged,
    isMediaAlone: messages[last]?.isMediaAlone ?? false,
  }
}

/** What an item without a role of ours holds that nobody judges. */
function kindOf(message: ForeignMessage | null): Unjudged | null {
  const { type, role } = message ?? {}
  if (role === 'tool' || role === 'function') return 'tool-result'
  if (typeof type !== 'string') return null
  if (type.endsWith('_output')) return 'tool-result'
  return type.endsWith('_call') || type.startsWith('mcp_') ? 'tool-call' : null
}

/** The text of a message, whether tools are among its parts, and what stands for its media where there is no text. */
function contentOf(message: ForeignMessage) {
  // Whatever has no text may be a picture of one: what is no part at all counts as media.
  const text = textOf(message, () => {})
  const inParts = text.leftOut.filter(({ part }) => part)
  const media = inParts.find(({ kind }) => kind === 'media')
  return {
    ...text,
    media: media ? `[${/image|audio|video/u.exec(media.name)?.[0] ?? 'file'}]` : null,
    tools: inParts.some(({ kind }) => kind !== 'media'),
  }
}
