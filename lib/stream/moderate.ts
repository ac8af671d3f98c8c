import { DecodeError, GuardBusyError, GuardError } from '../errors.js'
import { type Action, actionFor, canBlock, effectiveRisk, type Policy, promptAction } from '../policy.js'
import type { PromptVerdict, ReplyVerdict, TokenVerdict } from '../verdict.js'
import { Debounce } from './debounce.js'
import type { Moderation } from './moderation.js'
import { ReplySource, type ReplyStream } from './reply-source.js'

/** What happens while a reply is moderated. */
export type ModerationEvent =
  /** First, unless the prompt could not be judged. */
  | { type: 'prompt'; verdict: PromptVerdict; action: Action }
  /** A token was judged; with `tokens: true`. */
  | { type: 'token'; verdict: TokenVerdict }
  /** Text released, as it came: in order, each unit once. */
  | { type: 'text'; text: string }
  /**
   * The policy flags what is released: once for each severity and category. Without a verdict, and with the
   * error, where the guard failed and `onFailure: 'allow'` releases the rest unjudged.
   */
  | { type: 'flag'; verdict: TokenVerdict | null; action: Action; error?: GuardError }
  /** Nothing from `start` on (UTF-16 units of the reply) is released. */
  | {
      type: 'block'
      reason: 'prompt' | 'reply' | 'failure' | 'overload'
      verdict: PromptVerdict | TokenVerdict | null
      start: number
      error?: GuardError
    }
  /** Last, once. Of a reply that was not judged to its end, `verdict.complete` is false. */
  | { type: 'end'; verdict: ReplyVerdict }

export interface ModerateOptions {
  /** Default: the default policy. */
  policy?: Policy
  /** Whether every token's verdict is an event. Default false. */
  tokens?: boolean
  /** Whether the reply begins inside the model's reasoning, up to `</think>`. Default false. */
  reasoning?: boolean
  signal?: AbortSignal
}

/** Of a reply none of which was judged. */
const NOT_JUDGED: ReplyVerdict = {
  safety: 'Unsafe',
  category: null,
  at: null,
  tokenCount: 0,
  complete: false,
}

/**
 * Moderates a reply while it arrives: releases each token's text once its verdict, and those that could still
 * make a run with it, let it pass. The source is read while the prompt is judged, and stopped by a block.
 */
export async function* moderateReply(
  open: () => Promise<Moderation>,
  reply: ReplyStream,
  { policy = {}, tokens = false, signal }: ModerateOptions,
): AsyncGenerator<ModerationEvent, void, undefined> {
  signal?.throwIfAborted()
  const source = new ReplySource(reply, signal)
  const release = new Release(policy)
  let moderation: Moderation | null = null
  try {
    let failure: { error: unknown } | null = null
    try {
      moderation = await open()
    } catch (error) {
      failure = { error }
    }
    if (moderation) {
      const { prompt } = moderation
      const action = promptAction(prompt, policy)
      yield { type: 'prompt', verdict: prompt, action }
      if (action === 'block') {
        source.stop()
        yield { type: 'block', reason: 'prompt', verdict: prompt, start: 0 }
        yield { type: 'end', verdict: NOT_JUDGED }
        return
      }
    }

    let ended = false
    while (moderation && !failure && !ended) {
      const delta = await source.read()
      ended = delta === null
      let verdicts: TokenVerdict[]
      try {
        release.pushed(delta ?? '')
        verdicts = delta === null ? (await moderation.end()).rest : await moderation.push(delta)
      } catch (error) {
        failure = { error }
        break
      }
      for (const event of release.judge(verdicts, tokens)) {
        if (event.type === 'block') source.stop()
        yield event
        if (event.type !== 'block') continue
        yield { type: 'end', verdict: moderation.reply }
        return
      }
    }
    if (failure) {
      yield* failed(failure.error, policy, source, release, signal)
    } else {
      const text = release.rest()
      if (text !== '') yield { type: 'text', text }
    }
    yield { type: 'end', verdict: moderation?.reply ?? NOT_JUDGED }
  } finally {
    source.stop()
    await moderation?.close()
  }
}

/** The guard could not judge: nothing more is released, unless the policy says to go on without it. */
async function* failed(
  cause: unknown,
  { onFailure = 'block' }: Policy,
  source: ReplySource,
  release: Release,
  signal: AbortSignal | undefined,
): AsyncGenerator<ModerationEvent, void, undefined> {
  signal?.throwIfAborted()
  const error = GuardError.isGuardError(cause)
    ? cause
    : new DecodeError(`the guard failed: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      })
  if (onFailure === 'block') {
    source.stop()
    const reason = error instanceof GuardBusyError ? 'overload' : 'failure'
    yield { type: 'block', reason, verdict: null, start: release.end, error }
    return
  }
  yield { type: 'flag', verdict: null, action: 'flag', error }
  for (let text: string | null = release.rest(); text !== null; text = await source.read()) {
    if (text !== '') yield { type: 'text', text }
  }
}

/** Decides which text of a reply may go out, from the verdicts of its tokens and the policy. */
class Release {
  readonly #policy: Policy
  readonly #debounce: Debounce
  readonly #flagged = new Set<string>()
  /** Text pushed and not released, and the offset in the reply at which it begins. */
  #unreleased = ''
  #end = 0
  /** Ends of the judged tokens whose text is not released. */
  #held: number[] = []

  constructor(policy: Policy) {
    this.#policy = policy
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

  pushed(delta: string): void {
    this.#unreleased += delta
  }

  /** Everything that is not released yet. */
  rest(): string {
    return this.#take(this.#end + this.#unreleased.length)
  }

  /** The events that new verdicts cause; a block is the last of them. */
  *judge(verdicts: readonly TokenVerdict[], tokens: boolean): Generator<ModerationEvent, void, undefined> {
    let cleared = this.#end
    for (const verdict of verdicts) {
      if (tokens) {
        yield* this.#textUpTo(cleared)
        yield { type: 'token', verdict }
      }
      const fired = this.#debounce.push(effectiveRisk(verdict, this.#policy))
      const action = actionFor(fired, verdict.category ? [verdict.category] : [], this.#policy)
      if (action === 'block') {
        yield* this.#textUpTo(cleared)
        yield { type: 'block', reason: 'reply', verdict, start: this.#end }
        return
      }
      const kind = `${fired} ${verdict.category}`
      if (action === 'flag' && !this.#flagged.has(kind)) {
        this.#flagged.add(kind)
        yield* this.#textUpTo(cleared)
        yield { type: 'flag', verdict, action }
      }
      this.#held.push(verdict.end)
      while (this.#held.length > this.#suspicious) cleared = this.#held.shift() as number
    }
    yield* this.#textUpTo(cleared)
  }

  /** Tokens at the end that the next ones could still turn into a run that blocks. */
  get #suspicious(): number {
    const risks = (['Unsafe', 'Controversial'] as const).filter((risk) => canBlock(risk, this.#policy))
    return Math.max(0, ...risks.map((risk) => this.#debounce.open(risk)))
  }

  *#textUpTo(end: number): Generator<ModerationEvent, void, undefined> {
    const text = this.#take(end)
    if (text !== '') yield { type: 'text', text }
  }

  #take(end: number): string {
    const length = end - this.#end
    const text = this.#unreleased.slice(0, length)
    this.#unreleased = this.#unreleased.slice(length)
    this.#end += text.length
    return text
  }
}
