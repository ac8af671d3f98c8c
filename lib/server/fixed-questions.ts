import { CATEGORIES, SAFETIES, type Safety } from '../labels.js'
import { badRequest } from './errors.js'
import type { Finding } from './judge.js'

/** Names of the questions that a guard answers: it was trained for these, and reads no instructions. */
export const PREDICATES = ['unsafe', 'not_safe', ...CATEGORIES.map(slug), 'refusal'] as const
/** A choice, or a score, of the three severities. */
export const SEVERITY = 'safety'

/** A name of ours in the manner of the questions' names, such as `suicide_self_harm`. */
function slug(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, '_')
    .replace(/^_+|_+$/gu, '')
}

/**
 * The probability that the answer to a question is yes: `unsafe`, `not_safe` (Unsafe or Controversial), a category (that it is
 * not safe for that), or of replies `refusal`.
 *
 * @throws HttpError 400 for another question
 */
export function probabilityOf(
  name: string | undefined,
  found: Finding,
  refusal: number | null,
  param: string,
): number {
  const { Unsafe, Controversial } = found.probabilities
  const asked = slug(name ?? '')
  if (asked === 'unsafe') return Unsafe
  if (asked === 'not_safe') return Unsafe + Controversial
  const category = CATEGORIES.find((one) => slug(one) === asked)
  if (category) return (found.shares[category] ?? 0) * (Unsafe + Controversial)
  if (asked === 'refusal' && refusal !== null) return refusal
  if (asked === 'refusal') {
    throw badRequest(
      'Only a reply can refuse: the last message is a prompt, or the model does not say',
      param,
    )
  }
  throw badRequest(
    `Unknown question ${JSON.stringify((name ?? '').slice(0, 100))}: this guard answers by name, not by instructions: ${PREDICATES.join(', ')}, and the choice or score ${SEVERITY}`,
    param,
    'unknown_question',
  )
}

/** The probabilities of the severities for a choice or a score. @throws HttpError 400 for other options */
export function severities(
  name: string | undefined,
  options: readonly unknown[],
  found: Finding,
  param: string,
): Record<Safety, number> {
  const isAll = options.length === SAFETIES.length && SAFETIES.every((safety) => options.includes(safety))
  if (slug(name ?? '') === SEVERITY && isAll) return found.probabilities
  throw badRequest(
    `Expected the question '${SEVERITY}' with the options ${SAFETIES.join(', ')}, the only choice or score that this guard answers`,
    param,
    'unknown_question',
  )
}
