import type { ContentOptions } from '../../adapters/content-options.js'
import { WrongChunkError } from '../../adapters/known-fields.js'
import type { BlockEvent } from '../../adapters/moderator.js'
import { UnknownChunkError } from '../../errors.js'
import type { ModerationEvent } from '../../stream/events.js'
import { type HttpError, httpError, refused } from '../errors.js'
import type { Served } from '../served.js'
import type { Service } from '../service.js'
import { upstreamFault } from './faults.js'
import { type Json, type Question, UpstreamAnswer } from './upstream.js'
import { blockedError, moderationOf } from './verdict-of-answer.js'
import { WatchedGuard } from './watched-guard.js'

/** Moderates the events of an answer: `moderateChat` or `moderateResponse`. */
export type Moderate = (
  guard: WatchedGuard,
  answer: AsyncIterable<Json>,
  options: ContentOptions,
) => AsyncIterator<Json, void, undefined>

/**
 * One answer of the upstream under moderation. Nothing of it goes out before it is known that it does not begin with a
 * block, so that such an answer can be an error.
 */
export class ModeratedAnswer {
  readonly #service: Service
  readonly #param: string
  readonly #guard: WatchedGuard
  readonly #events: AsyncIterator<Json, void, undefined>
  readonly #closed: ReturnType<Service['onStream']>
  readonly #since = performance.now()
  #block: BlockEvent | null = null
  #isOver = false

  /**
   * @param param the field of the request that holds the prompt
   * @throws HttpError for a prompt that is none, or if there is no Stream model
   */
  constructor(
    service: Service,
    served: Served,
    of: 'chat' | 'responses',
    param: string,
    question: Question,
    moderate: Moderate,
  ) {
    this.#service = service
    this.#param = param
    this.#guard = new WatchedGuard(service, served)
    let clear = (_: boolean) => {}
    const cleared = new Promise<boolean>((resolve) => {
      clear = resolve
    })
    if (service.upstream?.ahead) clear(true)
    const answer = new UpstreamAnswer(service, served, question, cleared)
    const onEvent = (event: ModerationEvent) => {
      if (event.type === 'block') this.#block ??= event
      if (event.type === 'prompt' && event.action !== 'block') clear(true)
      // A guard that failed, and a policy that lets pass what it cannot judge.
      if (event.type === 'flag') clear(true)
      if (event.type === 'block' || event.type === 'end') clear(false)
    }
    const { holdBack, toolCalls, media, passFields } = service.replies
    try {
      this.#events = moderate(this.#guard, answer, {
        policy: service.policy,
        ...{ holdBack, toolCalls, media, passFields },
        history: service.history,
        tooLong: service.tooLong === 'window' ? 'slide' : 'error',
        queueTimeoutMs: service.limits.queueMs,
        signal: served.signal,
        onEvent,
      })
    } catch (error) {
      throw refused(error, param)
    }
    this.#closed = service.onStream({ of, request: served.id })
  }

  /** The block that ended it, or a part of it. */
  get block(): BlockEvent | null {
    return this.#block
  }

  /** OpenAI's `moderation` of it, as far as it has come. */
  get moderation() {
    return moderationOf(this.#guard, this.#service.models.stream, this.#block)
  }

  /** The next event that may go out. @throws HttpError; `signal.reason` */
  async next(): Promise<Json | null> {
    try {
      const { done, value } = await this.#events.next()
      if (!done) return value
    } catch (error) {
      this.#end('error')
      throw asFault(error)
    }
    this.#end(this.#block ? 'block' : this.#isFlagged() ? 'flag' : 'allow')
    return null
  }

  /**
   * The events up to the first that shows something.
   * @param isOpening whether an event shows nothing yet
   * @throws HttpError for an answer that is blocked before
   */
  async opening(isOpening: (event: Json) => boolean): Promise<Json[]> {
    const events: Json[] = []
    while (true) {
      const event = await this.next()
      if (event === null) {
        if (this.#block) throw blockedError(this.#block, this.#param)
        return events
      }
      events.push(event)
      if (!isOpening(event)) return events
    }
  }

  /** Stops the upstream and the guard. */
  async stop(): Promise<void> {
    this.#end('aborted')
    await this.#events.return?.()
  }

  /** The error that a stream ends with whose head is out. */
  errorOf(error: unknown): HttpError {
    return httpError(error, this.#param)
  }

  #isFlagged(): boolean {
    return (
      this.#guard.prompt?.action === 'flag' || this.#guard.replies.some(({ action }) => action === 'flag')
    )
  }

  #end(action: 'allow' | 'flag' | 'block' | 'aborted' | 'error'): void {
    if (this.#isOver) return
    this.#isOver = true
    const { received, released } = this.#guard
    this.#closed({ ms: performance.now() - this.#since, action, received, released })
  }
}

/** An event that is none, or one of another API, is the upstream's fault. */
function asFault(error: unknown): unknown {
  if (!(error instanceof WrongChunkError || error instanceof UnknownChunkError)) return error
  return upstreamFault(`The upstream sent what is no event: ${error.message}`, 'upstream_invalid', 502, error)
}
