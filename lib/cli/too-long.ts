import { type Command, Option } from 'commander'

export type { Fit } from '../batch/fit.js'

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
