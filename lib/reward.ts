import { GenFormatError } from './errors.js'
import { inOrder } from './in-order.js'
import { isSafety, type Safety } from './labels.js'
import { checkKeys, checkSignal, type Keys } from './options.js'
import type { Message } from './types.js'

/** What a guard of rewards must be able to do: `GenGuard` does. */
export interface RewardGuard {
  /** As `GenGuard.classify`. */
  classify(
    input: readonly Message[],
    options: { signal?: AbortSignal; tooLong?: 'error' | 'window'; history?: 'error' | 'drop' },
  ): Promise<{ safety: Safety; refusal: boolean | null }>
  /** As `GenGuard.stats`: items in work at a time, unless `concurrency` says. */
  stats(): { maxSequences: number }
}

/** One completion of a policy model. */
export interface RewardItem {
  /** What was asked: a user's message, or the conversation up to it. */
  prompt: string | readonly Message[]
  /** What the model answered; a `<think>` block at its beginning is its thinking, unless `thinking` is given; one that never closes, or has nothing behind it, has no answer, and is an error in the item's place, as is an empty text. */
  answer: string
  /** What the model thought before it answered. */
  thinking?: string | null
  /** A score from another reward model, for `hybridReward`. */
  helpfulness?: number
}

/** The reward of one item; or, where it could not be judged, the error that says why: never a number in its place. */
export type Reward = number | Error

/** What a reward comes from. */
export interface JudgedItem {
  /** Null for an item without thinking. */
  thinking: { safety: Safety } | null
  answer: { safety: Safety; refusal: boolean }
}

/** Options of `guardOnlyReward` and `hybridReward`. */
export interface RewardOptions {
  /** Texts in judgement at a time. Default: the guard's sequences. */
  concurrency?: number
  /** Of a text over the context: an error in the item's place, or its worst window counts. Default `'error'`. */
  tooLong?: 'error' | 'window'
  /** Told of each item that was judged, in order: to watch refusals beside rewards. */
  onJudged?(index: number, judged: JudgedItem): void
  /** As for `classify`: what becomes of turns that have no room. Default `'error'`. */
  history?: 'error' | 'drop'
  signal?: AbortSignal
}

const KEYS: Keys<RewardOptions> = {
  concurrency: true,
  tooLong: true,
  history: true,
  onJudged: true,
  signal: true,
}

/** What an unsafe and a refusing item get at most, in the hybrid reward. */
const UNSAFE_AT_MOST = -10
const REFUSAL_AT_MOST = -5

/**
 * 1 if Gen calls the thinking and the answer Safe, else 0: Controversial is not safe. Thinking and answer are judged
 * apart, each as a reply to the prompt. Source: arXiv 2510.14276, section 3.5.
 *
 * A model trained for this alone learns to refuse (docs/guides/rewards.md).
 *
 * @returns a reward for each item, in their order
 * @throws TypeError or RangeError for arguments that are none; `signal.reason`
 */
export async function guardOnlyReward(
  guard: RewardGuard,
  items: readonly RewardItem[],
  options: RewardOptions = {},
): Promise<Reward[]> {
  return await rewards(guard, items, options, false, ({ unsafe }) => (unsafe ? 0 : 1))
}

/**
 * The item's `helpfulness` h, at most -10 where thinking or answer are not Safe, else at most -5 where the answer
 * refuses: `min(-10, h)`, `min(-5, h)`, `h`. Source: arXiv 2510.14276, section 3.5.
 *
 * @returns a reward for each item, in their order
 * @throws TypeError or RangeError for arguments that are none, also an item without a finite `helpfulness`; `signal.reason`
 */
export async function hybridReward(
  guard: RewardGuard,
  items: readonly RewardItem[],
  options: RewardOptions = {},
): Promise<Reward[]> {
  return await rewards(guard, items, options, true, ({ unsafe, refusal, helpfulness }) => {
    if (unsafe) return Math.min(UNSAFE_AT_MOST, helpfulness)
    return refusal ? Math.min(REFUSAL_AT_MOST, helpfulness) : helpfulness
  })
}

interface Judged {
  unsafe: boolean
  refusal: boolean
  helpfulness: number
}

async function rewards(
  guard: RewardGuard,
  items: readonly RewardItem[],
  options: RewardOptions,
  hybrid: boolean,
  value: (judged: Judged) => number,
): Promise<Reward[]> {
  checkKeys('the options of a reward', options, KEYS)
  const { tooLong = 'error', history = 'error', onJudged, signal } = options
  checkSignal(signal)
  if (typeof guard?.classify !== 'function') {
    throw new TypeError('Expected a GenGuard: rewards are judged by Gen')
  }
  const concurrency = options.concurrency ?? guard.stats().maxSequences
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`Expected concurrency to be an integer of at least 1, got ${concurrency}`)
  }
  if (!Array.isArray(items)) throw new TypeError(`Expected an array of items, got ${typeof items}`)
  const parts = items.map((item, at) => partsOf(item, at, hybrid))
  const texts = parts.flatMap(({ texts }) => texts)
  const judge = async (text: (typeof texts)[number], stop: AbortSignal): Promise<PartVerdict | Error> => {
    if (text instanceof Error) return text
    try {
      const { safety, refusal } = await guard.classify(text, { signal: stop, tooLong, history })
      if (isSafety(safety) && typeof refusal === 'boolean') return { safety, refusal }
      // Whatever is no verdict on a reply is no judgement.
      const said = JSON.stringify({ safety, refusal })
      return new GenFormatError(`Expected a verdict with a safety and a refusal, got ${said}`, said)
    } catch (error) {
      if (stop.aborted) throw stop.reason
      return error instanceof Error ? error : new Error(String(error), { cause: error })
    }
  }
  const found: Reward[] = []
  let verdicts: (PartVerdict | Error)[] = []
  for await (const verdict of inOrder(texts, judge, concurrency, signal)) {
    verdicts.push(verdict)
    const index = found.length
    const { texts: own, helpfulness } = parts[index] as Parts
    if (verdicts.length < own.length) continue
    const judged = itemOf(verdicts)
    verdicts = []
    if (judged instanceof Error) {
      found.push(judged)
      continue
    }
    onJudged?.(index, judged)
    const { thinking, answer } = judged
    const unsafe = answer.safety !== 'Safe' || (thinking !== null && thinking.safety !== 'Safe')
    found.push(value({ unsafe, refusal: answer.refusal, helpfulness }))
  }
  return found
}

interface PartVerdict {
  safety: Safety
  refusal: boolean
}

/** The thinking, where there is any, comes before the answer. The first error is the item's. */
function itemOf(verdicts: readonly (PartVerdict | Error)[]): JudgedItem | Error {
  const judged: PartVerdict[] = []
  for (const verdict of verdicts) {
    if (verdict instanceof Error) return verdict
    judged.push(verdict)
  }
  const answer = judged.at(-1) as PartVerdict
  const thinking = judged.length > 1 ? { safety: (judged[0] as PartVerdict).safety } : null
  return { thinking, answer }
}

interface Parts {
  /** What is judged, in order; an error alone where the item has no answer to judge. */
  texts: (Message[] | Error)[]
  helpfulness: number
}

function partsOf(item: RewardItem, at: number, hybrid: boolean): Parts {
  const { prompt, answer, helpfulness } = item ?? {}
  if (typeof prompt !== 'string' && !Array.isArray(prompt)) {
    throw new TypeError(`Expected the prompt of item ${at} to be a text or messages, got ${typeof prompt}`)
  }
  if (typeof answer !== 'string') {
    throw new TypeError(`Expected the answer of item ${at} to be a text, got ${typeof answer}`)
  }
  const { thinking } = item
  if (thinking !== undefined && thinking !== null && typeof thinking !== 'string') {
    throw new TypeError(`Expected the thinking of item ${at} to be a text, got ${typeof thinking}`)
  }
  if (hybrid && (typeof helpfulness !== 'number' || !Number.isFinite(helpfulness))) {
    throw new TypeError(`Expected the helpfulness of item ${at} to be a finite number, got ${helpfulness}`)
  }
  const before: Message[] =
    typeof prompt === 'string'
      ? [{ role: 'user', content: prompt }]
      : prompt.map((message: Message) => ({ ...message }))
  const split = thinking === undefined || thinking === null ? splitThinking(answer) : { thinking, answer }
  const { answer: judged } = split
  if (judged === null || judged.trim() === '') {
    // An empty reply is Safe: judged, a model that says nothing would be rewarded for it.
    const error = new TypeError(`${missingAnswer(split)}: the completion was probably cut off`)
    return { texts: [error], helpfulness: helpfulness ?? 0 }
  }
  const reply = (content: string): Message[] => [...before, { role: 'assistant', content }]
  const thoughts = split.thinking.trim() === '' ? [] : [reply(split.thinking)]
  return { texts: [...thoughts, reply(judged)], helpfulness: helpfulness ?? 0 }
}

function missingAnswer({ thinking, answer }: { thinking: string; answer: string | null }): string {
  if (answer === null) return 'Expected an answer after its thinking, got a <think> that never closes'
  if (thinking.trim() === '') return 'Expected an answer, got an empty text'
  return 'Expected an answer after its thinking, got nothing behind it'
}

/** A completion as reasoning models write it. Behind thinking that never ends there is no answer: null. */
function splitThinking(completion: string): { thinking: string; answer: string | null } {
  const close = completion.indexOf('</think>')
  const open = /^\s*<think>/.exec(completion)
  if (close < 0) {
    return open === null
      ? { thinking: '', answer: completion }
      : { thinking: completion.slice(open[0].length).trim(), answer: null }
  }
  // Templates that open the block themselves leave a completion without its beginning.
  const start = open === null ? 0 : open[0].length
  return {
    thinking: completion.slice(start, close).trim(),
    answer: completion.slice(close + '</think>'.length).trim(),
  }
}
