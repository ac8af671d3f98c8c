import type { ModerationEvent, Policy, PromptVerdict, TokenVerdict } from '../index.js'
import { promptAction } from '../policy.js'
import { Release } from '../stream/release.js'

/** Where a policy would have stopped a text that is shown to its end: nothing from `start` (UTF-16 units) on would be released. */
export interface WouldBlock {
  type: 'would-block'
  reason: 'prompt' | 'reply'
  verdict: PromptVerdict | TokenVerdict
  start: number
}

/** Follows the events of a moderation that withholds nothing, and finds where a policy would have stopped it. */
export class PolicyStop {
  readonly #policy: Policy
  readonly #release: Release
  /** Where, once it is known. */
  found: WouldBlock | null = null

  constructor(policy: Policy) {
    this.#policy = policy
    this.#release = new Release(policy, 'token')
  }

  /** Whether the policy stops the text with this event, of a moderation with `tokens: true`. */
  at(event: ModerationEvent): WouldBlock | null {
    if (this.found !== null) return null
    if (event.type === 'prompt' && promptAction(event.verdict, this.#policy) === 'block') {
      this.found = { type: 'would-block', reason: 'prompt', verdict: event.verdict, start: 0 }
    } else if (event.type === 'token') {
      this.#release.pushed(event.verdict.text)
      for (const one of this.#release.judge([event.verdict], [], false)) {
        if (one.type !== 'block' || one.verdict === null) continue
        this.found = { type: 'would-block', reason: 'reply', verdict: one.verdict, start: one.start }
      }
    }
    return this.found
  }
}
