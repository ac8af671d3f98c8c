import type { Moderator } from '../../adapters/moderator.js'
import type { Action } from '../../policy.js'
import type { ModerationEvent } from '../../stream/events.js'
import type { ModerateOptions } from '../../stream/moderate.js'
import type { PromptVerdict, ReplyVerdict, TokenVerdict } from '../../stream/verdict.js'
import type { Input } from '../../types.js'
import type { Served } from '../served.js'
import type { Service } from '../service.js'

/** What was found of one text of an answer. */
export interface WatchedReply {
  verdict: ReplyVerdict | null
  action: Action
  /** The token that decided, or came nearest to it. */
  worst: TokenVerdict | null
}

/** Stream, and what it has said in one request. */
export class WatchedGuard implements Moderator {
  readonly #service: Service
  readonly #served: Served
  prompt: { verdict: PromptVerdict; action: Action } | null = null
  readonly replies: WatchedReply[] = []
  received = 0
  released = 0

  /** @throws HttpError where the server has no Stream model, or not yet */
  constructor(service: Service, served: Served) {
    service.stream()
    this.#service = service
    this.#served = served
  }

  moderate(
    input: Input,
    reply: AsyncIterable<string>,
    options: ModerateOptions = {},
  ): AsyncIterable<ModerationEvent> {
    const events = this.#service.stream().moderate(input, this.#counted(reply), { ...options, tokens: true })
    return this.#watch(events)
  }

  async *#counted(reply: AsyncIterable<string>): AsyncGenerator<string> {
    for await (const piece of reply) {
      this.received += piece.length
      yield piece
    }
  }

  async *#watch(events: AsyncIterable<ModerationEvent>): AsyncGenerator<ModerationEvent, void, undefined> {
    await this.#service.makeRoom()
    const since = performance.now()
    const promptEnded = this.#service.onCheck({ kind: 'stream', of: 'prompt', request: this.#served.id })
    const { models } = this.#service
    let replyEnded: ReturnType<Service['onCheck']> | null = null
    let replySince = since
    const watched: WatchedReply = { verdict: null, action: 'allow', worst: null }
    let isOver = false
    try {
      for await (const event of events) {
        if (event.type === 'prompt') {
          const { verdict, action, usage } = event
          this.prompt ??= { verdict, action }
          const categories = verdict.category === null ? [] : [verdict.category]
          const ms = performance.now() - since
          const { safety } = verdict
          promptEnded({
            ms,
            safety,
            categories,
            refusal: null,
            action,
            tokens: usage.promptTokens,
            model: models.stream,
          })
        } else if (event.type === 'token') {
          if (!replyEnded) {
            replySince = performance.now()
            replyEnded = this.#service.onCheck({ kind: 'stream', of: 'reply', request: this.#served.id })
            this.replies.push(watched)
          }
          const { worst } = watched
          if (!worst || event.verdict.probabilities.Safe < worst.probabilities.Safe)
            watched.worst = event.verdict
        } else if (event.type === 'text') {
          this.released += event.text.length
        } else if (event.type === 'block') {
          if (event.verdict && 'risk' in event.verdict) watched.worst = event.verdict
          if (event.error) promptEnded({ ms: performance.now() - since, error: event.error })
        } else if (event.type === 'end') {
          isOver = true
          watched.verdict = event.verdict
          watched.action = event.action
          const { safety, category, tokenCount } = event.verdict
          replyEnded?.({
            ms: performance.now() - replySince,
            safety,
            categories: category === null ? [] : [category],
            refusal: null,
            action: event.action,
            tokens: tokenCount,
            model: models.stream,
          })
        }
        yield event
      }
    } finally {
      if (!isOver)
        replyEnded?.({
          ms: performance.now() - replySince,
          error: new Error('the client or the upstream went away'),
        })
    }
  }
}
