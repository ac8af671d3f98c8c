import type { JudgedText } from './judged-text.js'
import type { BlockEvent } from './moderator.js'
import type { Passed, Write } from './source-pieces.js'

/** What waits to go out. */
export type Item<P> =
  /** Pieces of one text that came one after the other. */
  | { type: 'text'; lane: string | undefined; text: JudgedText; pieces: TextPiece<P>[] }
  | { type: 'end'; lane: string | undefined; text: JudgedText }
  | { type: 'part'; lane: string | undefined; part: P; opening: boolean; unjudged: Passed | undefined }
  | { type: 'block'; lane: string | undefined; block: BlockEvent }

/** A piece of a text, with the UTF-16 units that are left of it. */
export interface TextPiece<P> {
  left: number
  write: Write<P>
}
