import { type Action, checkPolicy, type Policy, promptAction } from '../policy.js'
import { Release } from './release.js'
import type { PromptVerdict, TokenVerdict } from './verdict.js'

/** What a policy does about a prompt and the reply to it. */
export interface PolicyOutcome {
  /** The most severe of all. */
  action: Action
  /** About the prompt. */
  prompt: Action
  /** The reply's tokens that `moderate` reports with `flag`: the first of each severity and category. */
  flags: TokenVerdict[]
  /** Where `moderate` stops; nothing of the reply from `start` on (UTF-16 units) would be released. */
  block: { reason: 'prompt' | 'reply'; verdict: PromptVerdict | TokenVerdict; start: number } | null
}

/**
 * Applies a policy to verdicts that are there already, as `moderate` does with `holdBack: 'token'`: to see what another
 * policy would have done, without judging again.
 *
 * @param prompt the prompt's verdict, or null for the reply alone
 * @param tokens the verdicts of the reply's tokens, all of them from the first on
 * @throws TypeError or RangeError if the policy is not one; TypeError if a token is missing
 */
export function applyPolicy(
  prompt: PromptVerdict | null,
  tokens: readonly TokenVerdict[],
  policy: Policy = {},
): PolicyOutcome {
  checkPolicy(policy)
  if (!Array.isArray(tokens)) throw new TypeError(`Expected the verdicts of all tokens, got ${typeof tokens}`)
  tokens.forEach(({ index }, i) => {
    if (index !== i) throw new TypeError(`Expected the verdicts of all tokens, got index ${index} at ${i}`)
  })
  const outcome: PolicyOutcome = { action: 'allow', prompt: 'allow', flags: [], block: null }
  if (prompt) outcome.prompt = outcome.action = promptAction(prompt, policy)
  if (prompt && outcome.prompt === 'block') {
    outcome.block = { reason: 'prompt', verdict: prompt, start: 0 }
    return outcome
  }
  const release = new Release(policy, 'token')
  release.pushed(tokens.map((token) => token.text).join(''))
  for (const event of release.judge(tokens, [], false)) {
    if (event.type === 'flag' && event.verdict) {
      outcome.action = 'flag'
      outcome.flags.push(event.verdict)
    } else if (event.type === 'block' && event.verdict) {
      outcome.action = 'block'
      outcome.block = { reason: 'reply', verdict: event.verdict, start: event.start }
    }
  }
  return outcome
}
