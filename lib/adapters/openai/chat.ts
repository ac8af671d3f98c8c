import { type ContentOptions, checkContent } from '../content-options.js'
import type { ForeignInput } from '../messages.js'
import type { Moderator } from '../moderator.js'
import { moderatedParts } from '../unjudged-prompt.js'
import { ChatShape, type Chunk } from './chat-chunks.js'

/** Options of `moderateChat`. */
export interface ChatOptions extends ContentOptions {
  /**
   * How many choices the request asks for (`n`). Until so many have begun, a block of all that have does not abort it.
   * Default 1.
   */
  choices?: number
}

/** What is needed of a chunk of a chat completion; OpenAI's own and those of compatible servers have it. */
export interface ChatChunk {
  /** Pieces of the choices, by their index; empty in a chunk that has usage alone. */
  choices: readonly { index: number; delta?: object | null; finish_reason?: string | null }[]
}

/**
 * Moderates a streamed chat completion, each choice on its own. On a block a choice ends with
 * `finish_reason: 'content_filter'`; the request is aborted when no choice is left to go on.
 *
 * @param messages what the reply answers: a text, or the messages of the request
 * @param stream the SDK's stream, or any async iterable of chunks. It is read as the result is
 * @throws TypeError or RangeError at once for arguments; while iterating, as `moderate`, TypeError for what is no chunk,
 *   and UnknownChunkError for a chunk of another kind
 * @example
 * const stream = await client.chat.completions.create({ model, messages, stream: true })
 * for await (const chunk of moderateChat(guard, messages, stream)) send(chunk)
 */
export function moderateChat<C extends ChatChunk>(
  guard: Moderator,
  messages: ForeignInput,
  stream: AsyncIterable<C>,
  options: ChatOptions = {},
): AsyncIterableIterator<C, void, undefined> {
  checkContent('moderateChat', options, { choices: true })
  const { choices = 1, ...shared } = options
  if (!Number.isInteger(choices) || choices < 1) {
    throw new RangeError(`Expected choices to be a whole number from 1, got ${choices}`)
  }
  const parts = moderatedParts(guard, messages, new ChatShape(shared, choices), shared)
  return parts.read(stream as unknown as AsyncIterable<Chunk>) as unknown as AsyncIterableIterator<
    C,
    void,
    undefined
  >
}
