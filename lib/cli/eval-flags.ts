import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Caution } from '../eval/item.js'
import { parseRequirements, type Requirement } from '../eval/requirements.js'
import { checkHoldBack, type HoldBack } from '../stream/release.js'
import type { LoadFlags } from './load-options.js'
import type { Fit } from './too-long.js'

/** What commander makes of the flags of eval. */
export interface EvalFlags extends LoadFlags, Fit {
  format: string[]
  promptColumn?: string
  responseColumn?: string
  messagesColumn?: string
  idColumn?: string
  labelColumn?: string
  caution: Caution
  toxicityFrom: number
  json?: string | true
  report?: string
  junit?: string
  require: Requirement[]
  official?: boolean
  policy?: string
  holdBack: HoldBack
  targetFpr: number[]
  seed: number
  limit?: number
  compare?: boolean
}

/** Gives `command` the flags of eval, but for those of the model. */
export function addEvalOptions(command: Command): Command {
  return command
    .option(
      '--format <name>',
      'layout of the data, or what the files are, such as csv; may be given twice',
      collect,
      [],
    )
    .option('--prompt-column <name>', 'column of the prompt')
    .option('--response-column <name>', 'column of the reply; none: judge prompts alone')
    .option('--messages-column <name>', 'column of the conversation')
    .option('--id-column <name>', 'column of the id')
    .option('--label-column <name>', 'column of the label')
    .addOption(
      new Option('--caution <side>', 'side of labels such as Controversial and Needs Caution')
        .choices(['unsafe', 'safe', 'skip'])
        .default('unsafe'),
    )
    .option('--toxicity-from <n>', 'RTP-LX: toxicity (1 to 5) from which a prompt is unsafe', number(1, 5), 2)
    .option('--json [file]', 'write all figures as JSON, to stdout without a file')
    .option('--report <file>', 'write a report as one HTML file')
    .option('--junit <file>', 'write JUnit XML')
    .option(
      '--require <condition>',
      "what must hold, such as 'f1.strict>=0.85'; may be repeated",
      requirement,
      [],
    )
    .option('--official', "also the rules of Qwen's own evaluation, with their faults")
    .option('--policy <file>', 'JSON: the policy for what a reader would have seen (Stream)')
    .option(
      '--hold-back <how>',
      'hold-back for the same: token, sentence, or a number of tokens',
      holdBack,
      'token',
    )
    .option('--target-fpr <rates>', 'rates of false alarms to find thresholds for', rates, [0.01, 0.05, 0.1])
    .option('--seed <n>', "seed of F1's bootstrap", number(0, 2 ** 31), 1)
    .option('--limit <n>', 'judge the first texts only', number(1, Number.MAX_SAFE_INTEGER))
    .option('--compare', 'compare two results of eval instead of judging')
}

function collect(value: string, before: string[]): string[] {
  return [...before, value]
}

function requirement(value: string, before: Requirement[]): Requirement[] {
  try {
    return [...before, ...parseRequirements(value)]
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

function number(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    throw new InvalidArgumentError(
      `Expected a whole number of at least ${least}${most < 100 ? ` and at most ${most}` : ''}.`,
    )
  }
}

function rates(text: string): number[] {
  const values = text
    .split(',')
    .map((part) => Number(part.trim().replace(/%$/, '')) / (part.includes('%') ? 100 : 1))
  if (values.length > 0 && values.every((value) => value >= 0 && value <= 1)) return values
  throw new InvalidArgumentError('Expected rates such as 0.01,0.05 or 1%,5%.')
}

function holdBack(text: string): HoldBack {
  const value = /^\d+$/.test(text) ? Number(text) : text
  try {
    checkHoldBack(value)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
  return value as HoldBack
}
