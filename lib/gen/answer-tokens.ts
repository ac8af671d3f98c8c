import { ModelKindError } from '../errors.js'
import { CATEGORIES, SAFETIES } from '../labels.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'

/**
 * The ids by which Gen's answers are told apart: the first token of each label where it stands. Scores
 * are read from their logits, in the order of `named`.
 */
export interface AnswerTokens {
  /** SAFETIES, then None and CATEGORIES, then Yes and No. */
  named: Int32Array
  /** Where each group lies in `named`. */
  safety: Slice
  /** None first. */
  categories: Slice
  refusal: Slice
  /** Ids that end an answer; the first is what the model is trained to write. */
  stops: readonly number[]
}

export type Slice = readonly [start: number, end: number]

/** @throws ModelKindError if the vocabulary has no `<|im_end|>` or begins two labels of a kind alike. */
export function findAnswerTokens(tokenizer: Tokenizer): AnswerTokens {
  const safety = firstTokens(tokenizer, 'Safety:', SAFETIES)
  const categories = firstTokens(tokenizer, 'Safety: Unsafe\nCategories:', ['None', ...CATEGORIES])
  const refusal = firstTokens(tokenizer, 'Safety: Safe\nCategories: None\nRefusal:', ['Yes', 'No'])
  const stops = ['<|im_end|>', '<|endoftext|>'].map((spelling) => tokenizer.addedId(spelling))
  if (stops[0] === undefined) {
    throw new ModelKindError("this model's vocabulary has no <|im_end|>: it is not one of Qwen3Guard's")
  }
  const afterSafety = safety.length
  const afterCategories = afterSafety + categories.length
  return {
    named: Int32Array.from([...safety, ...categories, ...refusal]),
    safety: [0, afterSafety],
    categories: [afterSafety, afterCategories],
    refusal: [afterCategories, afterCategories + refusal.length],
    stops: stops.filter((id) => id !== undefined),
  }
}

/** The first token of ` label` after `head`, for each label. */
function firstTokens(tokenizer: Tokenizer, head: string, labels: readonly string[]): number[] {
  const before = tokenizer.encodeShort(head)
  const first = labels.map((label) => {
    const ids = tokenizer.encodeShort(`${head} ${label}`)
    const token = ids[before.length]
    if (token === undefined || before.some((id, i) => ids[i] !== id)) {
      throw new ModelKindError(
        `this model's vocabulary joins '${head}' with what follows: it is not one of Qwen3Guard's`,
      )
    }
    return token
  })
  if (new Set(first).size < first.length) {
    throw new ModelKindError(
      `this model's vocabulary begins two of the labels ${labels.join(', ')} with one token: it is not one of Qwen3Guard's`,
    )
  }
  return first
}
