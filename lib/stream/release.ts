import type { Safety } from '../labels.js'
import { type Action, actionFor, canBlock, effectiveRisk, type Policy } from '../policy.js'
import { sentencesOf } from '../segments.js'
import { Debounce } from './debounce.js'
import type { ModerationEvent } from './events.js'
import type { TokenVerdict } from './verdict.js'

/** Judged text kept back: none, to the end of its sentence, or a number of tokens. */
export type HoldBack = 'token' | 'sentence' | number

/** @throws TypeError, RangeError if it is none */
export function checkHoldBack(holdBack: unknown): void {
  if (holdBack === 'token' || holdBack === 'sentence') return
  if (typeof holdBack !== 'number') {
    throw new TypeError(
      `Expected holdBack to be 'token', 'sentence' or a number of tokens, got ${JSON.stringify(holdBack)}`,
    )
  }
  if (!Number.isInteger(holdBack) || holdBack < 0) {
    throw new RangeError(`Expected holdBack to be a whole number of tokens from 0, got ${holdBack}`)
  }
}

/** Decides which text of a reply may go out, from the verdicts of its tokens and the policy. */
export class Release {
  readonly #policy: Policy
  readonly #debounce: Debounce
  readonly #flagged = new Set<string>()
  /** Text pushed and not released, and the offset in the reply at which it begins. */
  #unreleased = ''
  #end = 0
  /** Ends of the judged tokens that may not go out yet. */
  #held: number[] = []
  /** Offset up to which tokens are cleared; a sentence that ends later is kept whole. */
  #cleared = 0
  /** Offset up to which tokens were cleared when the end of a sentence was last looked for, in vain. */
  #lookedTo = -1
  /** Offset from which the guard saw the reply for the latest token. */
  #contextStart = 0
  /** The provisional verdicts last seen. */
  #provisional: readonly TokenVerdict[] = []
  readonly #holdBack: HoldBack

  constructor(policy: Policy, holdBack: HoldBack) {
    this.#policy = policy
    this.#holdBack = holdBack
    const { consecutive, mixedPairs } = policy
    this.#debounce = new Debounce({
      ...(consecutive !== undefined && { consecutive }),
      ...(mixedPairs !== undefined && { mixedPairs }),
    })
  }

  /** Offset up to which the reply is released. */
  get end(): number {
    return this.#end
  }

  /** Text that the reply begins with and that is out already. */
  shown(text: string): void {
    this.#end += text.length
  }

  pushed(delta: string): void {
    this.#unreleased += delta
  }

  /** Everything that is not released yet. */
  rest(): string {
    return this.#take(this.#end + this.#unreleased.length)
  }

  /**
   * The events that new verdicts cause; a block is the last of them. Provisional verdicts follow the others, are
   * of text that is held back anyway, and can only block: they come again when they are final.
   */
  *judge(
    verdicts: readonly TokenVerdict[],
    provisional: readonly TokenVerdict[],
    tokens: boolean,
  ): Generator<ModerationEvent, void, undefined> {
    for (const verdict of verdicts) {
      const { contextStart = 0 } = verdict
      if (contextStart !== this.#contextStart) {
        this.#contextStart = contextStart
        yield* this.#clearedText()
        yield { type: 'slide', start: contextStart }
      }
      if (tokens) {
        yield* this.#clearedText()
        yield { type: 'token', verdict }
      }
      const { fired, action } = this.#count(verdict, this.#debounce)
      if (action === 'block') {
        yield* this.#clearedText()
        yield { type: 'block', reason: 'reply', verdict, start: this.#end }
        return
      }
      const kind = `${fired} ${verdict.category}`
      if (action === 'flag' && !this.#flagged.has(kind)) {
        this.#flagged.add(kind)
        yield* this.#clearedText()
        yield { type: 'flag', verdict, action }
      }
      this.#held.push(verdict.end)
      const keep = typeof this.#holdBack === 'number' ? this.#holdBack : 0
      while (this.#held.length > Math.max(keep, this.#suspicious))
        this.#cleared = this.#held.shift() as number
    }
    yield* this.#clearedText()
    if (provisional === this.#provisional) return
    this.#provisional = provisional
    const debounce = this.#debounce.copy()
    for (const verdict of provisional) {
      if (this.#count(verdict, debounce).action !== 'block') continue
      yield { type: 'block', reason: 'reply', verdict, start: this.#end, provisional: true }
      return
    }
  }

  /** The severity that is reached with this token, and what is done about it. */
  #count(verdict: TokenVerdict, debounce: Debounce): { fired: Safety; action: Action } {
    const fired = debounce.push(effectiveRisk(verdict, this.#policy))
    return { fired, action: actionFor(fired, verdict.category ? [verdict.category] : [], this.#policy) }
  }

  /** Tokens at the end that the next ones could still turn into a run that blocks. */
  get #suspicious(): number {
    const risks = (['Unsafe', 'Controversial'] as const).filter((risk) => canBlock(risk, this.#policy))
    return Math.max(0, ...risks.map((risk) => this.#debounce.open(risk)))
  }

  *#clearedText(): Generator<ModerationEvent, void, undefined> {
    const text = this.#take(this.#holdBack === 'sentence' ? this.#sentenceEnd() : this.#cleared)
    if (text !== '') yield { type: 'text', text }
  }

  /** End of the last sentence that is complete and cleared. The last one pushed may go on. */
  #sentenceEnd(): number {
    // More text only lengthens a sentence, so that one which is not cleared has not become so.
    if (this.#cleared === this.#lookedTo) return this.#end
    let end = this.#end
    for (const { index, segment } of sentencesOf(this.#unreleased)) {
      const next = this.#end + index + segment.length
      if (next > this.#cleared) {
        this.#lookedTo = this.#cleared
        break
      }
      if (index + segment.length === this.#unreleased.length) break
      end = next
    }
    return end
  }

  #take(end: number): string {
    const length = Math.max(0, end - this.#end)
    const text = this.#unreleased.slice(0, length)
    this.#unreleased = this.#unreleased.slice(length)
    this.#end += text.length
    return text
  }
}
