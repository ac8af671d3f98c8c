import type { Input } from '../types.js'
import type { Moderator } from './moderator.js'
import { releasedText, type TextStreamOptions } from './text-stream.js'
import { transformOf } from './transform.js'

export type { BlockEvent, Moderator } from './moderator.js'
export type { TextStreamOptions } from './text-stream.js'

/**
 * A TransformStream through which the text of a reply passes as it is released. A block, or cancelling the
 * readable side, makes the writable side fail, which cancels the stream that is piped into it.
 *
 * @throws TypeError or RangeError for arguments. The readable side fails with what `moderate` throws, and with a
 *   ReplyBlockedError where `onBlock` is `'error'`
 * @example
 * const safe = reply.pipeThrough(moderationStream(guard, question, { replacement: '[withheld]' }))
 * return new Response(safe.pipeThrough(new TextEncoderStream()))
 */
export function moderationStream(
  guard: Moderator,
  input: Input,
  options: TextStreamOptions = {},
): TransformStream<string, string> {
  return transformOf(releasedText(guard, input, options))
}
