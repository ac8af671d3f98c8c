import { InputError } from '../data/input-error.js'
import type { HistoryTooLong } from '../history.js'

/** What becomes of a text that does not fit the context: Gen has windows, Stream slides. */
export type TooLong = 'error' | 'window' | 'slide'

/** What `--too-long` and `--history` say. */
export interface Fit {
  tooLong: TooLong
  history: HistoryTooLong
}

/** @throws InputError if a guard of this kind has no such way */
export function checkTooLong(kind: 'gen' | 'stream', how: TooLong): void {
  if (how === 'window' && kind === 'stream') {
    throw new InputError(
      '--too-long window is for Gen models, and this is a Stream model: use --too-long slide',
    )
  }
  if (how === 'slide' && kind === 'gen') {
    throw new InputError(
      '--too-long slide is for Stream models, and this is a Gen model: use --too-long window',
    )
  }
}
