import { type Command, Option } from 'commander'
import type { RewardFlags } from '../batch/row-reward.js'
import type { VerdictField } from '../batch/verdict-fields.js'

export function addRewardFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--reward <kind>', 'write a reward for each reply, for reinforcement learning').choices([
        'guard',
        'hybrid',
      ]),
    )
    .option('--helpfulness-column <name>', 'column of the scores that --reward hybrid needs')
}

/** Wrong usage of the flags, or null. */
export function rewardMistake({
  reward,
  helpfulnessColumn,
  ...flags
}: RewardFlags & { policy?: string; mode?: string; threshold?: number; fields?: VerdictField[] }):
  | string
  | null {
  if (reward !== undefined) {
    const [ofPolicy] = (['policy', 'mode', 'threshold'] as const).filter((name) => flags[name] !== undefined)
    const acting = ofPolicy ?? (flags.fields?.includes('action') ? 'fields action' : undefined)
    if (acting !== undefined) return `--reward goes without --${acting}: a reward has no action`
  }
  if (reward === 'hybrid' && helpfulnessColumn === undefined) {
    return '--reward hybrid needs --helpfulness-column'
  }
  return helpfulnessColumn !== undefined && reward !== 'hybrid'
    ? '--helpfulness-column is for --reward hybrid'
    : null
}
