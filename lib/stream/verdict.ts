import { DecodeError } from '../errors.js'
import { type Category, type HeadLabels, type Safety, severity } from '../labels.js'
import { softmax } from '../softmax.js'

/** What Stream says about a prompt. */
export interface PromptVerdict {
  /** The likeliest severity. */
  safety: Safety
  /** Softmax over the three severities; sums to 1. */
  probabilities: Record<Safety, number>
  /** The likeliest category, or null if the prompt is Safe: categories are trained only where it is not. */
  category: Category | null
  /** Softmax over the prompt's nine categories; of use only where the prompt is not Safe. */
  categories: Record<Category, number>
}

/** What Stream says about one token of a reply. */
export interface TokenVerdict {
  /** 0 for the reply's first token. */
  index: number
  /** Vocabulary id. */
  id: number
  /** The reply's text from `start` to `end`. */
  text: string
  /**
   * Offsets in UTF-16 units of the reply as pushed, before NFC. The spans of all tokens tile the reply:
   * where tokens share a character, the first has it whole and the others are empty at its end.
   */
  start: number
  /** Offset of the first unit behind it. */
  end: number
  /** `'reasoning'` up to and including `</think>`, where the moderation was opened with `reasoning: true`. */
  part: 'reasoning' | 'answer'
  /** Where the context has slid: the guard judged this token seeing the prompt and the reply from this offset on. */
  contextStart?: number
  /** The likeliest severity. */
  risk: Safety
  /** Softmax over the three severities; sums to 1. */
  probabilities: Record<Safety, number>
  /** The likeliest category, or null if the risk is Safe. Never Jailbreak. */
  category: Category | null
  /** Softmax over the reply's eight categories. */
  categories: Partial<Record<Category, number>>
}

/** What the tokens' verdicts, debounced, say about a reply. */
export interface ReplyVerdict {
  /** The most severe that a run of tokens has reached (two in a row, by Qwen's rule). */
  safety: Safety
  /** Of the deciding token; null if the reply is Safe. */
  category: Category | null
  /** Index of the deciding token; null if the reply is Safe. */
  at: number | null
  /** Tokens judged. */
  tokenCount: number
  /**
   * Whether the whole reply was judged. Where it was not, `safety` is never Safe: it is Unsafe, with `at` null,
   * unless the part that was judged decided.
   */
  complete: boolean
}

/** Logits a position of a model with these heads. */
export function headOutputs({ response, query }: HeadLabels): number {
  return response.risk.length + response.category.length + query.risk.length + query.category.length
}

/** The prompt's verdict from a position's logits: response risk, response category, query risk, query category. */
export function promptVerdict(logits: Float32Array, labels: HeadLabels): PromptVerdict {
  const at = labels.response.risk.length + labels.response.category.length
  const { risk, ...rest } = readHeads(logits, at, labels.query)
  return { safety: risk, ...rest, categories: rest.categories as Record<Category, number> }
}

/** A reply token's verdict from its position's logits. */
export function responseHeads(
  logits: Float32Array,
  labels: HeadLabels,
): Pick<TokenVerdict, 'risk' | 'probabilities' | 'category' | 'categories'> {
  return readHeads(logits, 0, labels.response)
}

function readHeads(logits: Float32Array, at: number, labels: { risk: Safety[]; category: Category[] }) {
  const middle = at + labels.risk.length
  const risks = softmax(logits.subarray(at, middle))
  const categoryShares = softmax(logits.subarray(middle, middle + labels.category.length))
  if (risks.length !== labels.risk.length || categoryShares.length !== labels.category.length) {
    throw new DecodeError(`expected logits for ${labels.risk.length} + ${labels.category.length} labels`)
  }
  const probabilities = {} as Record<Safety, number>
  labels.risk.forEach((label, i) => {
    probabilities[label] = risks[i] as number
  })
  const categories: Partial<Record<Category, number>> = {}
  labels.category.forEach((label, i) => {
    categories[label] = categoryShares[i] as number
  })
  // Of equally likely severities the worse one.
  const risk = labels.risk.reduce((best, label) => {
    const lead = probabilities[label] - probabilities[best]
    return lead > 0 || (lead === 0 && severity(label) > severity(best)) ? label : best
  })
  const category = labels.category.reduce((best, label) =>
    (categories[label] as number) > (categories[best] as number) ? label : best,
  )
  return { risk, probabilities, category: risk === 'Safe' ? null : category, categories }
}
