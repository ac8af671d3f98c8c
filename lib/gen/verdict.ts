import { severity } from '../labels.js'
import type { GenAnswer } from './parse.js'
import type { GenScores } from './scores.js'

/** Gen's verdict about the last message of a conversation. */
export interface GenVerdict extends GenAnswer {
  /** The model's answer as written: what greedy decoding gives. */
  text: string
  /** Probabilities, 0 to 1, read where the model decided. */
  scores: GenScores
  /** With `tooLong: 'window'`, where the message did not fit: the window this is the verdict of. */
  window?: GenWindow
  /** Tokens, decodes and time. */
  usage: GenUsage
}

/** The stretch of the last message that was judged worst. */
export interface GenWindow {
  /** UTF-16 offsets in the message's `content`, or in its `reasoning` if `part` says so. */
  start: number
  /** Where it ends: the offset of the first unit behind it. */
  end: number
  /** `'answer'`: in the content. */
  part: 'reasoning' | 'answer'
}

/** What a verdict took. Over several windows: sums, the least of the margins, and `uncertain` if one is. */
export interface GenUsage {
  /** Tokens of the rendered prompt: policy text, conversation and the template's end. */
  promptTokens: number
  /** Of these, tokens taken from the safety policy or an earlier conversation instead of computed. */
  cachedTokens: number
  /** With `history: 'drop'`, where the conversation did not fit: its oldest messages, which were left out. */
  droppedMessages?: number
  /** Tokens of the answer, the one that ends it included. */
  generatedTokens: number
  /** llama_decode calls this took part in. */
  passes: number
  /** Wall time of these calls, in milliseconds; the wait for a sequence is not in it. */
  ms: number
  /** Least lead of a token of the answer over the runner-up, in logits (0 and up). */
  leastMargin: number
  /**
   * Whether `leastMargin` is less than 0.1 logits: another batch size, machine or `kvType` may write another answer
   * (docs/gen.md).
   */
  uncertain: boolean
}

/**
 * Logits by which rounding may move a token's lead over the runner-up between one way to compute it and
 * another: a choice with room to spare, not a proven bound (docs/gen.md).
 */
export const NEAR_TIE = 0.1

/** The verdict about a message from those about its windows. */
export function worstOf(verdicts: readonly GenVerdict[]): GenVerdict {
  const worst = verdicts.reduce((worst, verdict) => {
    const lead = severity(verdict.safety) - severity(worst.safety)
    return lead > 0 || (lead === 0 && verdict.scores.strict > worst.scores.strict) ? verdict : worst
  })
  const sum = (field: 'promptTokens' | 'cachedTokens' | 'generatedTokens' | 'passes' | 'ms') =>
    verdicts.reduce((total, { usage }) => total + usage[field], 0)
  return {
    ...worst,
    usage: {
      promptTokens: sum('promptTokens'),
      cachedTokens: sum('cachedTokens'),
      generatedTokens: sum('generatedTokens'),
      passes: sum('passes'),
      ms: sum('ms'),
      leastMargin: verdicts.reduce((least, { usage }) => Math.min(least, usage.leastMargin), Infinity),
      uncertain: verdicts.some(({ usage }) => usage.uncertain),
    },
  }
}
