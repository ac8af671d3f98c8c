import { type Command, Option } from 'commander'
import { InputError } from '../data/input-error.js'
import type { HistoryTooLong } from '../history.js'

/** What becomes of a text that does not fit the context: Gen has windows, Stream slides. */
export type TooLong = 'error' | 'window' | 'slide'

/** What the flags below say. */
export interface Fit {
  tooLong: TooLong
  history: HistoryTooLong
}

export function addTooLong(command: Command): Command {
  command.addOption(
    new Option(
      '--too-long <how>',
      'a text over the context: an error, judged in windows (Gen), or seen in its latest part (replies, Stream)',
    )
      .choices(['error', 'window', 'slide'])
      .default('error'),
  )
  return command.addOption(
    new Option(
      '--history <how>',
      'a conversation over the context: an error, or its oldest turns are dropped',
    )
      .choices(['error', 'drop'])
      .default('error'),
  )
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
