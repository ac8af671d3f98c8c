import type { ModerationEvent } from '../stream/events.js'
import { checkModerate, NOT_JUDGED } from '../stream/moderate.js'
import type { Input, Message } from '../types.js'
import { type ContentOptions, treatment } from './content-options.js'
import { type ForeignInput, promptOf } from './messages.js'
import { ModeratedParts } from './moderated-parts.js'
import type { Moderator } from './moderator.js'
import type { Shape } from './source-pieces.js'

/**
 * The parts of a stream, moderated as the reply to what is given. What of that the guard cannot see is announced, or
 * blocks the reply before anything of it is shown.
 *
 * @param choose what of the messages the guard is to read
 * @throws TypeError or RangeError for input and options
 */
export function moderatedParts<P>(
  guard: Moderator,
  given: ForeignInput,
  shape: Shape<P>,
  options: ContentOptions,
  choose: (messages: Message[]) => Input = (messages) => messages,
): ModeratedParts<P> {
  const { input, unjudged, isMediaAlone } = promptOf(given)
  const chosen = typeof input === 'string' ? input : choose(input)
  const isPassed = isMediaAlone ? options.media === 'pass' : treatment('media', options) === 'pass'
  if (unjudged.has('media') && !isPassed) return new ModeratedParts(REFUSING, chosen, shape, options)
  const announced: ModerationEvent[] = [...unjudged].map((what) => ({
    type: 'unjudged',
    what,
    from: 'prompt',
  }))
  return new ModeratedParts(guard, chosen, shape, options, announced)
}

/** Judges nothing and blocks: for prompts that hold what nobody has judged. */
const REFUSING: Moderator = {
  moderate(_input, reply, options = {}) {
    checkModerate(reply, options)
    return refusal()
  },
}

async function* refusal(): AsyncGenerator<ModerationEvent> {
  yield { type: 'block', reason: 'unjudged', unjudged: 'media', verdict: null, start: 0 }
  yield { type: 'end', verdict: NOT_JUDGED, action: 'block' }
}
