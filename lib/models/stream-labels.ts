import { CATEGORIES, SAFETIES } from '../labels.js'

/** The names that a head's labels may have. Their order is the model's business: it travels with the file. */
const KNOWN: Readonly<Record<'risk' | 'category', readonly string[]>> = {
  risk: SAFETIES,
  category: CATEGORIES,
}

/** What is wrong with the labels of a head, or null. A risk head must know all three tiers. */
export function wrongLabels(labels: readonly string[], kind: 'risk' | 'category'): string | null {
  const known = KNOWN[kind]
  for (const [index, label] of labels.entries()) {
    if (!known.includes(label)) {
      return `has ${JSON.stringify(label)} at ${index}, expected one of ${known.join(', ')}`
    }
    if (labels.indexOf(label) !== index)
      return `has "${label}" at ${labels.indexOf(label)} and ${index}, expected once`
  }
  if (kind === 'risk' && labels.length !== known.length) {
    return `has ${labels.length} labels (${labels.join(', ')}), expected ${known.join(', ')} in some order`
  }
  return labels.length === 0 ? 'has no labels' : null
}
