import { CATEGORIES, SAFETIES } from '../../../labels.js'

/** The names that a head's labels may have. Their order is the model's business: it travels with the file. */
const KNOWN = {
  risk: SAFETIES,
  queryCategory: CATEGORIES,
  // A reply is no jailbreak: the official models have no such class for replies.
  responseCategory: CATEGORIES.filter((category) => category !== 'Jailbreak'),
} as const satisfies Record<string, readonly string[]>

/** Which labels a head has: a severity, or a category of prompts or of replies. */
export type LabelKind = keyof typeof KNOWN

/** What is wrong with the labels of a head, or null. A head must know every label of its kind. */
export function wrongLabels(labels: readonly string[], kind: LabelKind): string | null {
  const known: readonly string[] = KNOWN[kind]
  for (const [index, label] of labels.entries()) {
    if (!known.includes(label)) {
      return `has ${JSON.stringify(label)} at ${index}, expected one of ${known.join(', ')}`
    }
    if (labels.indexOf(label) !== index)
      return `has "${label}" at ${labels.indexOf(label)} and ${index}, expected once`
  }
  if (labels.length !== known.length) {
    return `has ${labels.length} labels (${labels.join(', ')}), expected ${known.join(', ')} in some order`
  }
  return null
}
