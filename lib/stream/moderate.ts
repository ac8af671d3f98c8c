import { DecodeError, GuardBusyError, GuardError } from '../errors.js'
import { checkHistory, type HistoryTooLong } from '../history.js'
import { checkUnsupportedParts, type UnsupportedParts } from '../input.js'
import { checkBoolean, checkKeys, checkSignal, checkTimeout, type Keys } from '../options.js'
import { type Action, checkPolicy, IN_POLICY, type Policy, promptAction } from '../policy.js'
import type { ModerationEvent } from './events.js'
import type { Moderation } from './moderation.js'
import { checkHoldBack, type HoldBack, Release } from './release.js'
import { checkTooLong, type ReplyTooLong } from './reply/cache.js'
import { checkReply, ReplySource, type ReplyStream, stopReply } from './reply/source.js'
import type { ReplyVerdict, TokenVerdict } from './verdict.js'

/** Options of `moderate`. */
export interface ModerateOptions {
  /** What is done about verdicts. Default: Unsafe blocks, Controversial is flagged, what cannot be judged is withheld. */
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
  /**
   * What becomes of a reply that outgrows the context: it is blocked as one that cannot be judged, or judged on
   * with the prompt and its latest part in view, after a `slide` event. Default `'error'`.
   */
  tooLong?: ReplyTooLong
  /** As for `open`: the `prompt` event's `usage.droppedMessages` counts what was left out. */
  history?: HistoryTooLong
  /**
   * Milliseconds to wait for a place in the engine, where all are taken, before the reply is blocked with the reason
   * `'overload'`. Default: as long as it takes. A conversation has its place already.
   */
  queueTimeoutMs?: number
  /** As for `open`. */
  unsupportedParts?: UnsupportedParts
  /** Stops the source and the decode under way; the iteration rejects with `signal.reason`. */
  signal?: AbortSignal
}

export const MODERATE_KEYS: Keys<ModerateOptions> = {
  policy: true,
  holdBack: true,
  tokens: true,
  reasoning: true,
  tooLong: true,
  history: true,
  queueTimeoutMs: true,
  unsupportedParts: true,
  signal: true,
}

/** @throws TypeError or RangeError for what `moderateReply` cannot take */
export function checkModerate(reply: unknown, options: ModerateOptions): void {
  checkKeys('the options of moderate', options, MODERATE_KEYS, IN_POLICY)
  checkReply(reply)
  checkModerateValues(options)
}

/** @throws TypeError or RangeError for options of `moderate` with values that they cannot have */
export function checkModerateValues(options: ModerateOptions): void {
  const { policy, holdBack, tokens, reasoning, tooLong, history, queueTimeoutMs, unsupportedParts, signal } =
    options
  checkBoolean('tokens', tokens)
  checkBoolean('reasoning', reasoning)
  if (unsupportedParts !== undefined) checkUnsupportedParts(unsupportedParts)
  checkSignal(signal)
  if (policy !== undefined) checkPolicy(policy)
  if (holdBack !== undefined) checkHoldBack(holdBack)
  if (tooLong !== undefined) checkTooLong(tooLong)
  if (history !== undefined) checkHistory(history)
  checkTimeout('queueTimeoutMs', queueTimeoutMs)
}

/** Of a reply none of which was judged. */
export const NOT_JUDGED: ReplyVerdict = {
  safety: 'Unsafe',
  category: null,
  at: null,
  tokenCount: 0,
  complete: false,
}

/** Why the work under way ends when the consumer breaks off while it waits for an event. */
const BROKEN_OFF = Symbol('broken off')

/** Iterates over the events of one moderation. */
export interface ModerationEvents extends AsyncIterableIterator<ModerationEvent, void, undefined> {
  return(): Promise<IteratorResult<ModerationEvent, void>>
}

/**
 * Moderates a reply while it arrives: releases each token's text once its verdict, and those that could still
 * make a run with it, let it pass. The source is read while the prompt is judged, and stopped by a block.
 * `closing` is the engine's. `before` is what the reply begins with and was released earlier: it is judged again, in silence unless it blocks now.
 *
 * Unlike a generator's, its `return` does not wait for the event that is asked for: it ends what is under way.
 */
export function moderateReply(
  open: (signal: AbortSignal) => Promise<Moderation>,
  reply: ReplyStream,
  options: ModerateOptions,
  closing: AbortSignal,
  before = '',
): ModerationEvents {
  const stop = new AbortController()
  let begun = false
  const events = moderationEvents(open, reply, options, { stop, closing }, before)
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next() {
      begun = true
      return events.next()
    },
    async return() {
      if (!begun) stopReply(reply)
      begun = true
      stop.abort(BROKEN_OFF)
      return await events.return()
    },
  }
}

async function* moderationEvents(
  open: (signal: AbortSignal) => Promise<Moderation>,
  reply: ReplyStream,
  { policy = {}, holdBack = 'token', tokens = false, signal }: ModerateOptions,
  { stop, closing }: { stop: AbortController; closing: AbortSignal },
  before: string,
): AsyncGenerator<ModerationEvent, void, undefined> {
  const release = new Release(policy, holdBack)
  release.shown(before)
  // Throws for a stream that somebody else reads: before anything that would have to be undone.
  const source = new ReplySource(reply, stop.signal)
  const onAbort = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort)
  // A source that is silent must not keep the consumer from hearing that nobody judges any more.
  const onClosing = () => source.interrupt(closing.reason)
  closing.addEventListener('abort', onClosing)
  let moderation: Moderation | null = null
  let taken: Action = 'allow'
  try {
    signal?.throwIfAborted()
    let failure: { error: unknown } | null = null
    try {
      moderation = await open(stop.signal)
    } catch (error) {
      failure = { error }
    }
    if (moderation) {
      const { prompt, usage } = moderation
      const action = promptAction(prompt, policy)
      taken = action
      yield { type: 'prompt', verdict: prompt, action, usage }
      if (action === 'block') {
        source.stop()
        yield { type: 'block', reason: 'prompt', verdict: prompt, start: release.end }
        yield { type: 'end', verdict: NOT_JUDGED, action }
        return
      }
    }

    let again = before !== ''
    let ended = false
    while (moderation && !failure && !ended) {
      let delta: string | null
      try {
        delta = again ? '' : await source.read()
      } catch (error) {
        // A source may fail with undefined, which is also the reason of a guard that is not closing.
        if (!closing.aborted || error !== closing.reason) throw error
        failure = { error }
        break
      }
      ended = delta === null
      let verdicts: TokenVerdict[]
      try {
        release.pushed(delta ?? '')
        if (again) verdicts = await judgedAgain(moderation, before)
        else verdicts = delta === null ? (await moderation.end()).rest : await moderation.push(delta)
      } catch (error) {
        failure = { error }
        break
      }
      const told = again
      again = false
      for (const event of release.judge(verdicts, moderation.provisional, tokens)) {
        if (told && event.type !== 'block') continue
        if (event.type === 'flag') taken = 'flag'
        if (event.type === 'block') source.stop()
        yield event
        if (event.type !== 'block') continue
        yield { type: 'end', verdict: moderation.reply, action: 'block' }
        return
      }
    }
    if (failure) {
      taken = policy.onFailure === 'allow' ? 'flag' : 'block'
      yield* failed(failure.error, policy, source, release, stop.signal)
    } else {
      const text = release.rest()
      if (text !== '') yield { type: 'text', text }
    }
    yield { type: 'end', verdict: moderation?.reply ?? NOT_JUDGED, action: taken }
  } catch (error) {
    if (error !== BROKEN_OFF) throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
    closing.removeEventListener('abort', onClosing)
    source.stop()
    await moderation?.close()
  }
}

/** The verdicts of what a reply begins with, which can then go on. */
async function judgedAgain(moderation: Moderation, before: string): Promise<TokenVerdict[]> {
  const verdicts = [...(await moderation.push(before)), ...(await moderation.end()).rest]
  moderation.rewind(verdicts.length)
  return verdicts
}

/** Half a surrogate pair at the end. */
const HALF_PAIR = /[\uD800-\uDBFF]$/

/** The guard could not judge: nothing more is released, unless the policy says to go on without it. */
async function* failed(
  cause: unknown,
  { onFailure = 'block' }: Policy,
  source: ReplySource,
  release: Release,
  signal: AbortSignal,
): AsyncGenerator<ModerationEvent, void, undefined> {
  signal.throwIfAborted()
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
  source.goOn()
  yield { type: 'flag', verdict: null, action: 'flag', error }
  // No token's end says where to cut, and half a surrogate pair is no text.
  let half = ''
  for (let more: string | null = release.rest(); more !== null; more = await source.read()) {
    const all = half + more
    half = HALF_PAIR.exec(all)?.[0] ?? ''
    const text = all.slice(0, all.length - half.length)
    if (text !== '') yield { type: 'text', text }
  }
  if (half !== '') yield { type: 'text', text: half }
}
