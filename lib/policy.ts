import { CATEGORIES, type Category, type Safety } from './labels.js'
import { checkKeys, type Keys } from './options.js'

/** What the application does: let through, let through and report, or stop. */
export type Action = 'allow' | 'flag' | 'block'

/** Actions, mildest first. */
const ACTIONS: readonly Action[] = ['allow', 'flag', 'block']

/**
 * What an application does about verdicts. It never changes a verdict. The default policy blocks Unsafe,
 * flags Controversial and lets nothing through that could not be judged.
 */
export interface Policy {
  /** What Controversial counts as: `'strict'` unsafe (block), `'loose'` safe (flag, so that it is seen). Default `'loose'`. */
  mode?: 'strict' | 'loose'
  /**
   * Action for what counts as unsafe in these categories, instead of block. Where a verdict has several
   * categories, the most severe action holds; Controversial under `'loose'` is never more than flagged.
   */
  categories?: Partial<Record<Category, Action>>
  /**
   * Probability, above 0 and up to 1, from which a severity counts, whatever the likeliest label is: Unsafe from
   * P(Unsafe), Controversial from P(Unsafe) + P(Controversial). Default: the likeliest label counts.
   */
  threshold?: number
  /** Tokens of a reply in a row that make a severity count. Default 2, Qwen's own rule. */
  consecutive?: number
  /** Whether a run of tokens that mixes Unsafe and Controversial counts as Controversial. Default false. */
  mixedPairs?: boolean
  /** The most severe action that a prompt's verdict can cause. Default `'block'`. */
  prompt?: Action
  /**
   * What becomes of a reply that cannot be judged (an error, a full queue, a text too long). Default `'block'`;
   * `'allow'` releases it unjudged, after a flag event.
   */
  onFailure?: 'block' | 'allow'
}

const POLICY_KEYS: Keys<Policy> = {
  mode: true,
  categories: true,
  threshold: true,
  consecutive: true,
  mixedPairs: true,
  prompt: true,
  onFailure: true,
}

const CATEGORY_KEYS = Object.fromEntries(CATEGORIES.map((name) => [name, true as const]))

/** Where options belong that somebody looks for beside `policy`. */
export const IN_POLICY: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.keys(POLICY_KEYS).map((name) => [name, `policy: { ${name} }`])),
  strict: "policy: { mode: 'strict' }",
  loose: "policy: { mode: 'loose' }",
}

/** The parts of any verdict that a policy looks at. Verdicts of Gen, of prompts, tokens and replies all fit. */
export interface JudgedVerdict {
  /** Severity of a prompt, a reply, or by Gen; there must be this or `risk`. */
  safety?: Safety
  /** Severity of a token. */
  risk?: Safety
  /** By Stream. */
  category?: Category | null
  /** By Gen, a list; by Stream, every category's share, which no policy looks at. */
  categories?: readonly Category[] | Partial<Record<Category, number>>
  /** By Stream: of the three severities, 0 to 1. `threshold` is compared with them. */
  probabilities?: Record<Safety, number>
  /** By Gen, the same. */
  scores?: {
    /** Of the three severities, 0 to 1. */
    safety: Record<Safety, number>
  }
  /** By Gen: null where a prompt was judged. */
  refusal?: boolean | null
}

/** What `explain` says. */
export interface Explanation {
  /** What to do. */
  action: Action
  /** One sentence for logs: the verdict, the number that counted, and the rule that decided. */
  because: string
}

/**
 * The severity that a verdict has under the policy's threshold; without one, the verdict's own. Replies'
 * verdicts carry no probabilities: their severity stands.
 */
export function effectiveRisk(verdict: JudgedVerdict, { threshold }: Policy): Safety {
  const label = verdict.risk ?? verdict.safety
  if (label === undefined) throw new TypeError('Expected a verdict with a safety or a risk')
  const probabilities = verdict.probabilities ?? verdict.scores?.safety
  if (threshold === undefined || probabilities === undefined) return label
  if (probabilities.Unsafe >= threshold) return 'Unsafe'
  return probabilities.Unsafe + probabilities.Controversial >= threshold ? 'Controversial' : 'Safe'
}

/** What to do about a severity in these categories. */
export function actionFor(risk: Safety, categories: readonly Category[], policy: Policy): Action {
  if (risk === 'Safe') return 'allow'
  const named = categories.map((category) => policy.categories?.[category] ?? 'block')
  const action = named.length > 0 ? mostSevere(named) : 'block'
  return risk === 'Controversial' && (policy.mode ?? 'loose') === 'loose' ? milder(action, 'flag') : action
}

/** Whether any verdict of this severity could block under the policy. */
export function canBlock(risk: Safety, policy: Policy): boolean {
  return risk === 'Unsafe' || (risk === 'Controversial' && policy.mode === 'strict')
}

/**
 * What a policy does about a verdict, and why. For a reply's tokens it says what one token alone would
 * cause; `consecutive` applies to a whole reply, and `moderate` takes care of it.
 * @throws TypeError or RangeError if the policy is not one.
 */
export function explain(verdict: JudgedVerdict, policy: Policy = {}): Explanation {
  checkPolicy(policy)
  if (typeof verdict !== 'object' || verdict === null) {
    throw new TypeError(`Expected a verdict, got ${verdict === null ? 'null' : typeof verdict}`)
  }
  const label = verdict.risk ?? verdict.safety
  const risk = effectiveRisk(verdict, policy)
  const categories = verdictCategories(verdict)
  const judged = actionFor(risk, categories, policy)
  const action = isPrompt(verdict) ? milder(judged, policy.prompt ?? 'block') : judged

  const what = `${label}${categories.length > 0 ? ` (${categories.join(', ')})` : ''}`
  const probabilities = verdict.probabilities ?? verdict.scores?.safety
  const shares = probabilities
    ? `, P(Unsafe) ${probabilities.Unsafe.toFixed(3)}, P(Controversial) ${probabilities.Controversial.toFixed(3)}`
    : ''
  const counted =
    policy.threshold !== undefined && probabilities
      ? `, counts as ${risk} from a threshold of ${policy.threshold}`
      : ''
  const rules = [
    risk === 'Safe' ? 'nothing is done about Safe' : null,
    risk === 'Controversial' ? `mode '${policy.mode ?? 'loose'}'` : null,
    ...(risk === 'Safe'
      ? []
      : categories
          .filter((name) => policy.categories?.[name] !== undefined)
          .map((name) => `'${name}' is set to ${policy.categories?.[name]}`)),
    action === judged ? null : `prompts are at most set to ${policy.prompt}`,
  ].filter((rule) => rule !== null)
  const rule = rules.length > 0 ? rules.join('; ') : 'Unsafe is blocked by default'
  return { action, because: `${what}${shares}${counted}: ${action}, since ${rule}` }
}

/** Stream's verdict of a prompt has a safety and probabilities; Gen's says nothing about a refusal. */
function isPrompt({ safety, probabilities, refusal }: JudgedVerdict): boolean {
  return refusal === null || (safety !== undefined && probabilities !== undefined)
}

/** The policy's action about a prompt's verdict. */
export function promptAction(verdict: JudgedVerdict, policy: Policy): Action {
  return milder(
    actionFor(effectiveRisk(verdict, policy), verdictCategories(verdict), policy),
    policy.prompt ?? 'block',
  )
}

/** @throws TypeError or RangeError if a policy's field has no such value. */
export function checkPolicy(policy: Policy): void {
  checkKeys('the policy', policy, POLICY_KEYS, { strict: "mode: 'strict'", loose: "mode: 'loose'" })
  const { mode, categories, threshold, consecutive, mixedPairs, prompt, onFailure } = policy
  oneOf('mode', mode, ['strict', 'loose'])
  oneOf('prompt', prompt, ACTIONS)
  oneOf('onFailure', onFailure, ['block', 'allow'])
  if (categories !== undefined) checkKeys('policy.categories', categories, CATEGORY_KEYS)
  for (const [name, action] of Object.entries(categories ?? {})) {
    oneOf(`categories['${name}']`, action, ACTIONS)
  }
  if (threshold !== undefined && !(typeof threshold === 'number' && threshold > 0 && threshold <= 1)) {
    throw new RangeError(`Expected policy.threshold to be above 0 and at most 1, got ${threshold}`)
  }
  if (consecutive !== undefined && !(Number.isInteger(consecutive) && consecutive >= 1)) {
    throw new RangeError(`Expected policy.consecutive to be an integer of at least 1, got ${consecutive}`)
  }
  if (mixedPairs !== undefined && typeof mixedPairs !== 'boolean') {
    throw new TypeError(`Expected policy.mixedPairs to be true or false, got ${mixedPairs}`)
  }
}

function oneOf(name: string, value: string | undefined, values: readonly string[]): void {
  if (value !== undefined && !values.includes(value)) {
    throw new TypeError(
      `Expected policy.${name} to be ${values.map((item) => `'${item}'`).join(' or ')}, got ${JSON.stringify(value)}`,
    )
  }
}

/** Gen lists its categories; Stream names the likeliest, and gives every category's share besides. */
function verdictCategories({ category, categories }: JudgedVerdict): Category[] {
  if (Array.isArray(categories)) return [...(categories as Category[])]
  return category ? [category] : []
}

function mostSevere(actions: readonly Action[]): Action {
  return actions.reduce((worst, action) =>
    ACTIONS.indexOf(action) > ACTIONS.indexOf(worst) ? action : worst,
  )
}

function milder(a: Action, b: Action): Action {
  return ACTIONS.indexOf(a) < ACTIONS.indexOf(b) ? a : b
}
