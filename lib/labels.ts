/**
 * The three severities of Qwen3Guard, as the models spell them.
 * *Strict* readings count `Controversial` as unsafe, *loose* readings as safe.
 */
export type Safety = 'Safe' | 'Controversial' | 'Unsafe'

/** The nine categories, as Gen writes them. `Jailbreak` exists for prompts only. */
export type Category =
  | 'Violent'
  | 'Non-violent Illegal Acts'
  | 'Sexual Content or Sexual Acts'
  | 'PII'
  | 'Suicide & Self-Harm'
  | 'Unethical Acts'
  | 'Politically Sensitive Topics'
  | 'Copyright Violation'
  | 'Jailbreak'

/** The three severities, mildest first. Class indices of a model are in another order and come from its metadata. */
export const SAFETIES: readonly Safety[] = ['Safe', 'Controversial', 'Unsafe']

/** The nine categories in the order of the models' policy text. */
export const CATEGORIES: readonly Category[] = [
  'Violent',
  'Non-violent Illegal Acts',
  'Sexual Content or Sexual Acts',
  'PII',
  'Suicide & Self-Harm',
  'Unethical Acts',
  'Politically Sensitive Topics',
  'Copyright Violation',
  'Jailbreak',
]

/** 0 for Safe, 1 for Controversial, 2 for Unsafe. */
export function severity(risk: Safety): number {
  return SAFETIES.indexOf(risk)
}

/** The worse of the severities given. */
export function worstOf(first: Safety, ...others: Safety[]): Safety {
  return others.reduce((worst, safety) => (severity(safety) > severity(worst) ? safety : worst), first)
}

export function isSafety(text: string): text is Safety {
  return (SAFETIES as readonly string[]).includes(text)
}

export function isCategory(text: string): text is Category {
  return (CATEGORIES as readonly string[]).includes(text)
}

/** Labels of Stream's heads in the order of their outputs, and the heads' inner width. */
export interface HeadLabels {
  inner: number
  response: { risk: Safety[]; category: Category[] }
  query: { risk: Safety[]; category: Category[] }
}
