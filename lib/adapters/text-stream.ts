import { ReplyBlockedError } from '../stream/events.js'
import type { Input } from '../types.js'
import { ADAPTER_KEYS, checkAdapter } from './content-options.js'
import { ModeratedParts } from './moderated-parts.js'
import { type AdapterOptions, type BlockEvent, type Moderator, replacementFor } from './moderator.js'

/** Options of `moderationStream` and `moderationStage`. */
export interface TextStreamOptions extends AdapterOptions {
  /**
   * What a block does to the stream: `'end'` it after the released text and the replacement, or let it fail with
   * a ReplyBlockedError. Default `'end'`.
   */
  onBlock?: 'end' | 'error'
}

/**
 * The released text of a reply that is still to be read.
 * @throws TypeError or RangeError for arguments; while iterating, as `moderate`, and ReplyBlockedError
 */
export function releasedText(
  guard: Moderator,
  input: Input,
  given: TextStreamOptions,
  adapter: 'moderationStream' | 'moderationStage' = 'moderationStream',
): ModeratedParts<string> {
  checkAdapter(adapter, given, { ...ADAPTER_KEYS, onBlock: true })
  const { onBlock = 'end', ...options } = given
  if (onBlock !== 'end' && onBlock !== 'error') {
    throw new TypeError(`Expected onBlock to be 'end' or 'error', got ${JSON.stringify(onBlock)}`)
  }
  const shape = {
    *split(text: string) {
      if (typeof text !== 'string') {
        throw new TypeError(
          `Expected the reply's pieces to be text, got ${text === null ? 'null' : typeof text}`,
        )
      }
      yield { type: 'text', key: 'reply', text, write: (released: string) => released } as const
    },
    *blocked(block: BlockEvent) {
      if (onBlock === 'error') throw new ReplyBlockedError(block)
      const instead = replacementFor(block, options)
      if (instead !== '') yield instead
    },
  }
  return new ModeratedParts(guard, input, shape, options)
}
