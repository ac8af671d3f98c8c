import { DecodeError } from '../errors.js'
import { CATEGORIES, type Category, type Safety } from '../labels.js'
import { softmax } from '../softmax.js'
import type { Answer } from './answer.js'
import type { AnswerTexts } from './answer-text.js'
import type { AnswerTokens, Slice } from './answer-tokens.js'

/** Probabilities behind an answer, read where the model decided. */
export interface GenScores {
  /** Softmax over the first tokens of the three labels after `Safety:`; sums to 1. */
  safety: Record<Safety, number>
  /** P(Unsafe) + P(Controversial). */
  strict: number
  /** P(Unsafe). */
  loose: number
  /**
   * For each category its share among the first tokens of None and the nine categories after `Categories:`.
   * A category that is listed second or later has its share at its own place, after the comma.
   */
  categories: Partial<Record<Category, number>>
  /** P(Yes) of Yes and No after `Refusal:`; null if the answer has no such line. */
  refusal: number | null
}

/** @throws DecodeError if a label's place is missing or its scores are not numbers. */
export function readScores(texts: AnswerTexts, tokens: AnswerTokens, answer: Answer): GenScores {
  const before = texts.of(answer.ids).beginnings.slice(0, -1)
  const sharesAt = (at: number, [start, end]: Slice): number[] =>
    softmax((answer.named[at] as Float32Array).subarray(start, end))
  const placeOf = (field: string): number =>
    before.findIndex((text) => text === `${field}:` || text.endsWith(`\n${field}:`))
  const required = (field: string): number => {
    const at = placeOf(field)
    if (at < 0) throw new DecodeError(`no token of ${JSON.stringify(answer.text)} begins after '${field}:'`)
    return at
  }

  const [safe, controversial, unsafe] = sharesAt(required('Safety'), tokens.safety) as [
    number,
    number,
    number,
  ]
  const firstCategory = required('Categories')
  const [, ...shares] = sharesAt(firstCategory, tokens.categories)
  const categories: Partial<Record<Category, number>> = {}
  CATEGORIES.forEach((category, i) => {
    categories[category] = shares[i] as number
  })
  const names = tokens.named.subarray(tokens.categories[0] + 1, tokens.categories[1])
  answer.ids.forEach((id, at) => {
    if (at <= firstCategory || !before[at]?.endsWith(',')) return
    const category = CATEGORIES[names.indexOf(id)]
    if (category === undefined) return
    categories[category] = sharesAt(at, tokens.categories)[names.indexOf(id) + 1] as number
  })
  const refusalAt = placeOf('Refusal')
  return {
    safety: { Safe: safe, Controversial: controversial, Unsafe: unsafe },
    strict: unsafe + controversial,
    loose: unsafe,
    categories,
    refusal: refusalAt < 0 ? null : (sharesAt(refusalAt, tokens.refusal)[0] as number),
  }
}
