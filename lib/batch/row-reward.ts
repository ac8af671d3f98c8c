import { valueAt } from '../data/column-value.js'
import { InputError } from '../data/input-error.js'
import { jsonOf } from '../data/row-json.js'
import { guardOnlyReward, hybridReward, type JudgedItem, type Message } from '../index.js'
import { worstOf } from '../labels.js'
import type { Fit } from './fit.js'
import type { LoadedGuard } from './judge.js'

/** What `--reward` and `--helpfulness-column` say. */
export interface RewardFlags {
  reward?: 'guard' | 'hybrid'
  helpfulnessColumn?: string
}

export const REWARDS_NEED_GEN = '--reward needs a Gen model, and this is a Stream model'

/** @throws InputError for a model that rewards nothing */
export function requireGen(loaded: LoadedGuard): asserts loaded is LoadedGuard & { kind: 'gen' } {
  if (loaded.kind !== 'gen') throw new InputError(REWARDS_NEED_GEN)
}

/** What is written of a rewarded row: the worse severity of thinking and answer, both, and the refusal. */
export interface RewardedRow {
  verdict: JudgedItem & {
    model: string
    kind: 'gen'
    safety: JudgedItem['answer']['safety']
    refusal: boolean
  }
  reward: number
}

/**
 * The reward of a row's reply.
 *
 * @throws InputError for a row without a reply or a helpfulness, and for Stream; what the guard throws
 */
export async function rewardRow(
  loaded: LoadedGuard,
  messages: readonly Message[],
  record: Readonly<Record<string, unknown>>,
  { reward, helpfulnessColumn = '' }: RewardFlags,
  { tooLong, history }: Fit,
  signal: AbortSignal,
): Promise<RewardedRow> {
  requireGen(loaded)
  const { kind, model, guard } = loaded
  const last = messages.at(-1)
  if (last?.role !== 'assistant') throw new InputError('expected a response: a reward is of a reply')
  const item = {
    prompt: messages.slice(0, -1),
    answer: last.content,
    ...(last.reasoning !== undefined && { thinking: last.reasoning }),
  }
  let judged: JudgedItem | null = null
  const options = {
    signal,
    history,
    tooLong: tooLong === 'window' ? tooLong : 'error',
    onJudged: (_: number, one: JudgedItem) => {
      judged = one
    },
  } as const
  const [value] =
    reward === 'hybrid'
      ? await hybridReward(
          guard,
          [{ ...item, helpfulness: helpfulnessOf(record, helpfulnessColumn) }],
          options,
        )
      : await guardOnlyReward(guard, [item], options)
  if (typeof value !== 'number' || judged === null) {
    throw value instanceof Error ? value : new InputError('the reply was not judged')
  }
  const { thinking, answer } = judged as JudgedItem
  const safety = thinking === null ? answer.safety : worstOf(thinking.safety, answer.safety)
  return { verdict: { safety, refusal: answer.refusal, thinking, answer, model, kind }, reward: value }
}

/** Tables have numbers as text. */
function helpfulnessOf(record: Readonly<Record<string, unknown>>, column: string): number {
  const value = valueAt(record, column)
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isFinite(number)) return number
  throw new InputError(
    `expected \`${column}\` to be a number, got ${value === undefined ? 'nothing' : jsonOf(value)}`,
  )
}
