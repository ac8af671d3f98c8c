import type { Unjudged } from '../stream/events.js'
import type { BlockEvent } from './moderator.js'

/** Makes a part of released text, `last` if the piece of the source ends with it. With null nothing is shown. */
export type Write<P> = (text: string, last: boolean) => P | null

/** What a part of a source is made of. */
export type Piece<P> =
  /** Text to judge. */
  | {
      type: 'text'
      /** Pieces of one key are one text, judged as one reply. */
      key: string
      lane?: string
      text: string
      reasoning?: boolean
      write: Write<P>
    }
  /** The text is over. */
  | { type: 'end'; key: string }
  /** What passes as it is; not before the prompt is judged, unless it is `opening`. */
  | { type: 'part'; part: P; lane?: string; opening?: boolean; unjudged?: Passed }
  /** What is refused: the lane ends here with a block, or all does without one. */
  | { type: 'block'; lane?: string; what: Unjudged }
  /** A field that was left out. */
  | { type: 'omitted'; field: string }

/** What passes unjudged. It is announced once for each key. */
export interface Passed {
  what: Unjudged
  key: string
  name?: string
}

/** How the parts of a source are taken apart and put together again. */
export interface Shape<P> {
  split(part: P): Iterable<Piece<P>>
  /** Sees every part just before it goes out, and may replace it. */
  sent?(part: P): P
  /** The parts that end the stream after a block; with `lanes`, the lane, or all if it is undefined. */
  blocked(block: BlockEvent, lane: string | undefined): Iterable<P>
  /**
   * With it a block ends its lane and the others go on: how many lanes there are at least. The source is stopped when
   * so many, and all that have begun, are blocked.
   */
  lanes?: number
}
