import type { Policy } from '../../policy.js'
import { promptAction } from '../../policy.js'
import type { ModerationEvent } from '../../stream/events.js'
import { type HoldBack, Release } from '../../stream/release.js'
import { HttpError } from '../errors.js'
import type { ReplySession } from './reply-session.js'

/** Events of one session that a reader can go back to. */
const MOST_KEPT = 20_000

/** A reply session with its events, for readers that come and go. */
export class LiveSession {
  readonly reply: ReplySession
  readonly #events: { id: number; event: ModerationEvent }[] = []
  #next = 1
  #closed = false
  #wake: (() => void)[] = []

  readonly #onOver: (reply: ReplySession) => void
  #told = false

  /** `onOver` is called once, when it has ended or is closed before. */
  constructor(reply: ReplySession, onOver: (reply: ReplySession) => void) {
    this.reply = reply
    this.#onOver = onOver
    this.#add(reply.begun())
  }

  /** Whether no event will come any more. */
  get over(): boolean {
    return this.#closed || this.reply.ended
  }

  /**
   * Takes text that begins at `at`.
   * @throws HttpError 409 for a gap; as `ReplySession.push`
   */
  async push(text: string, at: number | undefined): Promise<void> {
    const { received } = this.reply
    if (at !== undefined && at > received) {
      throw new HttpError({
        status: 409,
        message: `Expected text that begins at ${received}, where the reply has come to, got ${at}`,
        param: 'at',
        code: 'gap',
      })
    }
    const fresh = at === undefined ? text : text.slice(received - at)
    if (fresh !== '') this.#add(await this.reply.push(fresh))
  }

  async end(): Promise<void> {
    this.#add(await this.reply.end())
  }

  /** The events behind the one with this id, those that are still to come too. */
  async *read(after: number, signal: AbortSignal): AsyncGenerator<{ id: number; event: ModerationEvent }> {
    let last = after
    while (!signal.aborted) {
      const first = this.#events[0]?.id ?? this.#next
      if (last + 1 < first) {
        throw new HttpError({
          status: 410,
          message: `The events up to ${first - 1} are not kept any more`,
          code: 'events_gone',
        })
      }
      const waiting = this.#events.slice(last + 1 - first)
      for (const one of waiting) {
        yield one
        last = one.id
      }
      if (waiting.length > 0) continue
      if (this.over) return
      await this.#changed(signal)
    }
  }

  /** What another policy would have done about the verdicts so far. */
  under(policy: Policy, holdBack: HoldBack) {
    const { prompt, tokens, text, ended } = this.reply
    const ofPrompt = promptAction(prompt, policy)
    const outcome = {
      action: ofPrompt,
      prompt: ofPrompt,
      flags: [] as object[],
      block: null as object | null,
      released: 0,
    }
    if (ofPrompt === 'block') {
      return { ...outcome, block: { reason: 'prompt', verdict: prompt, start: 0 } }
    }
    const release = new Release(policy, holdBack)
    release.pushed(text)
    for (const event of release.judge(tokens, [], false)) {
      if (event.type === 'flag') {
        outcome.action = 'flag'
        outcome.flags.push(event.verdict as object)
      } else if (event.type === 'block') {
        outcome.action = 'block'
        outcome.block = { reason: 'reply', verdict: event.verdict, start: event.start }
      }
    }
    if (ended && !outcome.block) release.rest()
    return { ...outcome, released: release.end }
  }

  close(): void {
    this.#closed = true
    this.reply.close()
    this.#ring()
  }

  #add(events: readonly ModerationEvent[]): void {
    for (const event of events) this.#events.push({ id: this.#next++, event })
    if (this.#events.length > MOST_KEPT) this.#events.splice(0, this.#events.length - MOST_KEPT)
    this.#ring()
  }

  #ring(): void {
    if (this.over && !this.#told) {
      this.#told = true
      this.#onOver(this.reply)
    }
    for (const wake of this.#wake.splice(0)) wake()
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done, { once: true })
      this.#wake.push(done)
    })
  }
}
