import type { Category, Safety } from '../labels.js'
import { type Action, type Policy, promptAction } from '../policy.js'
import { Debounce } from '../stream/debounce.js'
import { type HoldBack, Release } from '../stream/release.js'
import type { PromptVerdict, TokenVerdict } from '../stream/verdict.js'

/** What arrived together: text of the reply, and the verdicts that became final with it. */
export interface Step {
  delta: string
  tokens: readonly TokenVerdict[]
}

/** What a guard has said about a conversation so far. */
export interface Judged {
  /** Null before the prompt is judged. */
  prompt: PromptVerdict | null
  steps: readonly Step[]
  /** Whether the reply is over, and all of it judged. */
  ended: boolean
}

/** Where a reply ends for its reader. */
export interface Cut {
  reason: 'prompt' | 'reply'
  /** UTF-16 offset in the reply from which on nothing is released. */
  start: number
  /** Index of the token that caused it; null where the prompt did. */
  token: number | null
}

/** What one policy makes of verdicts. */
export interface Outcome {
  /** The most severe of all that the policy did. */
  action: Action
  /** About the prompt; null before it is judged. */
  prompt: Action | null
  /** What a reader has got. */
  released: string
  /** Units of the reply that wait for a verdict or are held back. 0 after a cut. */
  waiting: number
  cut: Cut | null
  /** Tokens that `moderate` would report with `flag`. */
  flags: readonly TokenVerdict[]
}

/**
 * Does with verdicts what `moderate` does with them as they come, by the same code: so the page shows what another policy
 * would have done without asking the guard again.
 */
export function outcomeOf({ prompt, steps, ended }: Judged, policy: Policy, holdBack: HoldBack): Outcome {
  const outcome = {
    action: 'allow' as Action,
    prompt: null as Action | null,
    released: '',
    waiting: 0,
    cut: null as Cut | null,
    flags: [] as TokenVerdict[],
  }
  if (prompt) {
    outcome.prompt = outcome.action = promptAction(prompt, policy)
    if (outcome.prompt === 'block') return { ...outcome, cut: { reason: 'prompt', start: 0, token: null } }
  }
  const release = new Release(policy, holdBack)
  let pushed = 0
  for (const { delta, tokens } of steps) {
    release.pushed(delta)
    pushed += delta.length
    for (const event of release.judge(tokens, [], false)) {
      if (event.type === 'text') outcome.released += event.text
      if (event.type === 'flag' && event.verdict) {
        outcome.action = 'flag'
        outcome.flags.push(event.verdict)
      }
      if (event.type !== 'block') continue
      const token = (event.verdict as TokenVerdict | null)?.index ?? null
      return { ...outcome, action: 'block', cut: { reason: 'reply', start: event.start, token } }
    }
  }
  if (ended) outcome.released += release.rest()
  outcome.waiting = pushed - outcome.released.length
  return outcome
}

/** Stream's word about a reply: its tokens, debounced by Qwen's own rule. No policy has a part in it. */
export function replyVerdict(steps: readonly Step[]): {
  safety: Safety
  category: Category | null
  at: number | null
  tokenCount: number
} {
  const tokens = steps.flatMap((step) => step.tokens)
  const debounce = new Debounce()
  for (const { risk } of tokens) debounce.push(risk)
  const { safety, at } = debounce.verdict
  return {
    safety,
    at,
    category: at === null ? null : (tokens[at]?.category ?? null),
    tokenCount: tokens.length,
  }
}
