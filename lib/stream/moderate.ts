import { DecodeError, GuardBusyError, GuardError } from '../errors.js'
import { type Action, type Policy, promptAction } from '../policy.js'
import type { PromptVerdict, ReplyVerdict, TokenVerdict } from '../verdict.js'
import type { Moderation } from './moderation.js'
import type { HoldBack } from './release.js'
import { Release } from './release.js'
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
  /**
   * How much judged text is kept back all the same: `'token'` none, `'sentence'` until its sentence is complete
   * and cleared, a number that many tokens. What stays unseen when a reply is blocked grows with it. Default `'token'`.
   */
  holdBack?: HoldBack
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
  { policy = {}, holdBack = 'token', tokens = false, signal }: ModerateOptions,
): AsyncGenerator<ModerationEvent, void, undefined> {
  signal?.throwIfAborted()
  const source = new ReplySource(reply, signal)
  const release = new Release(policy, holdBack)
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
