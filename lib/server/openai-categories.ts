import type { Category } from '../labels.js'

/** OpenAI's categories, in the order of its documentation. */
export const OPENAI_CATEGORIES = [
  'harassment',
  'harassment/threatening',
  'hate',
  'hate/threatening',
  'illicit',
  'illicit/violent',
  'self-harm',
  'self-harm/intent',
  'self-harm/instructions',
  'sexual',
  'sexual/minors',
  'violence',
  'violence/graphic',
] as const
export type OpenAiCategory = (typeof OPENAI_CATEGORIES)[number]

/**
 * Where each of Qwen's categories is found among OpenAI's: docs/server.md says why. What is not named here has no counterpart:
 * no finding of these guards says that a text threatens, is about minors, or is graphic, so those are always false.
 */
export const COUNTERPARTS: Readonly<Record<Category, readonly OpenAiCategory[]>> = {
  Violent: ['violence'],
  'Non-violent Illegal Acts': ['illicit'],
  'Sexual Content or Sexual Acts': ['sexual'],
  'Suicide & Self-Harm': ['self-harm'],
  'Unethical Acts': ['harassment', 'hate'],
  PII: [],
  'Politically Sensitive Topics': [],
  'Copyright Violation': [],
  Jailbreak: [],
}

/** OpenAI's categories of a verdict's. */
export function openAiCategories(categories: readonly Category[]): OpenAiCategory[] {
  const named = new Set(categories.flatMap((category) => COUNTERPARTS[category]))
  return OPENAI_CATEGORIES.filter((category) => named.has(category))
}

/** A value for each of OpenAI's categories. */
export function byOpenAiCategory<T>(value: (category: OpenAiCategory) => T): Record<OpenAiCategory, T> {
  return Object.fromEntries(OPENAI_CATEGORIES.map((category) => [category, value(category)])) as Record<
    OpenAiCategory,
    T
  >
}

/** The largest share of the categories that are found in one of OpenAI's; 0 where none is. */
export function scoreOf(
  category: OpenAiCategory,
  shares: Partial<Record<Category, number>>,
  severity: number,
): number {
  let most = 0
  for (const [name, counterparts] of Object.entries(COUNTERPARTS)) {
    if (counterparts.includes(category)) most = Math.max(most, shares[name as Category] ?? 0)
  }
  return most * severity
}
