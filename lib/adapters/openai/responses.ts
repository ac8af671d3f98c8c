import { type ContentOptions, checkContent } from '../content-options.js'
import type { ForeignInput } from '../messages.js'
import type { Moderator } from '../moderator.js'
import { moderatedParts } from '../unjudged-prompt.js'
import { ResponseShape } from './response-events.js'
import type { Event } from './response-texts.js'

/** What is needed of an event of the Responses API. */
export interface ResponseEvent {
  /** Such as `response.output_text.delta`. */
  type: string
}

/**
 * Moderates a streamed response: its texts, refusals, reasoning and summaries of reasoning, each on its own. On a
 * block it ends with `response.incomplete` and `incomplete_details.reason: 'content_filter'`, after what closes the
 * items that are open, and the request is aborted.
 *
 * @param input what the reply answers: a text, or the input items of the request
 * @param stream the SDK's stream, or any async iterable of events. It is read as the result is
 * @throws TypeError or RangeError at once for arguments; while iterating, as `moderate`, TypeError for what is no event,
 *   and UnknownChunkError for an event, item or part of a kind that is not known
 * @example
 * const stream = await client.responses.create({ model, input, stream: true })
 * for await (const event of moderateResponse(guard, input, stream)) send(event)
 */
export function moderateResponse<E extends ResponseEvent>(
  guard: Moderator,
  input: ForeignInput,
  stream: AsyncIterable<E>,
  options: ContentOptions = {},
): AsyncIterableIterator<E, void, undefined> {
  checkContent('moderateResponse', options)
  const parts = moderatedParts(guard, input, new ResponseShape(options), options)
  return parts.read(stream as unknown as AsyncIterable<Event>) as unknown as AsyncIterableIterator<
    E,
    void,
    undefined
  >
}
