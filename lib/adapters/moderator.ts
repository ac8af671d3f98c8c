import type { ModerationEvent } from '../stream/events.js'
import type { ModerateOptions } from '../stream/moderate.js'
import type { Input, Message } from '../types.js'

/** What an adapter needs of a guard. A `StreamGuard` is one, and so is a `Conversation`. */
export interface Moderator {
  /** Where there are any, as in a Conversation: what was said so far. Further texts of a stream then go on from it. */
  readonly messages?: readonly Message[]
  /** As `StreamGuard.moderate`. */
  moderate(
    input: Input,
    reply: AsyncIterable<string>,
    options?: ModerateOptions,
  ): AsyncIterable<ModerationEvent>
}

/** The event that says what is withheld, and why. */
export type BlockEvent = Extract<ModerationEvent, { type: 'block' }>

/** What every adapter takes besides the options of `moderate`; `media` says there what becomes of images. */
export interface AdapterOptions extends Omit<ModerateOptions, 'unsupportedParts'> {
  /** Sees the events of every moderation as they come. What it throws ends the stream with that error. */
  onEvent?(event: ModerationEvent): void
  /** Text to show in place of what a block withholds. Default: none. */
  replacement?: string | ((block: BlockEvent) => string)
}

export function replacementFor(block: BlockEvent, { replacement = '' }: AdapterOptions): string {
  return typeof replacement === 'string' ? replacement : replacement(block)
}
