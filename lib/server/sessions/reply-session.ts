import { DecodeError, GuardBusyError, GuardError } from '../../errors.js'
import type { Action, Policy } from '../../policy.js'
import { promptAction } from '../../policy.js'
import type { ModerationEvent, PromptUsage } from '../../stream/events.js'
import { NOT_JUDGED } from '../../stream/moderate.js'
import type { Moderation } from '../../stream/moderation.js'
import type { OpenOptions } from '../../stream/open-options.js'
import { type HoldBack, Release } from '../../stream/release.js'
import type { PromptVerdict, ReplyVerdict, TokenVerdict } from '../../stream/verdict.js'
import type { Message } from '../../types.js'
import type { ServedStream } from '../options.js'
import type { Seated, Seats } from './seats.js'

export interface ReplySessionOptions {
  policy: Policy
  holdBack: HoldBack
  /** Whether tokens are judged on after a block. */
  judgesOn: boolean
  open: Pick<OpenOptions, 'reasoning' | 'tooLong' | 'history' | 'queueTimeoutMs'>
  signal: AbortSignal
}

/**
 * A reply that comes in several requests. It is judged as `moderate` judges one, and can give its place in the engine up in
 * between: what was judged is then judged again, in silence, when it goes on. Calls are carried out in order.
 */
export class ReplySession implements Seated {
  readonly #stream: ServedStream
  readonly #messages: readonly Message[]
  readonly #options: ReplySessionOptions
  readonly #seats: Seats
  readonly #release: Release
  #moderation: Moderation | null
  /** Text that the moderation has to see, and has not. */
  #unseen = ''
  #text = ''
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false
  /** Whether the guard has failed, and the policy lets pass what it cannot judge. */
  #passing = false
  #reply: ReplyVerdict = NOT_JUDGED
  readonly prompt: PromptVerdict
  readonly usage: PromptUsage
  readonly tokens: TokenVerdict[] = []
  action: Action
  blocked = false
  ended = false

  private constructor(
    stream: ServedStream,
    messages: readonly Message[],
    options: ReplySessionOptions,
    seats: Seats,
    moderation: Moderation,
  ) {
    this.#stream = stream
    this.#messages = messages
    this.#options = options
    this.#seats = seats
    this.#moderation = moderation
    this.#release = new Release(options.policy, options.holdBack)
    this.prompt = moderation.prompt
    this.usage = moderation.usage
    this.action = promptAction(moderation.prompt, options.policy)
  }

  /** Judges the prompt. @throws HttpError 429, and as `StreamGuard.open` */
  static async open(
    stream: ServedStream,
    messages: readonly Message[],
    options: ReplySessionOptions,
    seats: Seats,
  ): Promise<ReplySession> {
    const place: Seated = { park: async () => {} }
    await seats.take(place, options.signal)
    try {
      const moderation = await stream.open(messages, { ...options.open, signal: options.signal })
      const session = new ReplySession(stream, messages, options, seats, moderation)
      seats.free(place)
      await seats.take(session, options.signal)
      await seats.leave(session)
      return session
    } catch (error) {
      seats.free(place)
      throw error
    }
  }

  /** The reply as far as it has come, in UTF-16 units. */
  get received(): number {
    return this.#text.length
  }

  /** Of it, what has gone out. */
  get released(): number {
    return this.#release.end
  }

  get text(): string {
    return this.#text
  }

  /** The events with which it begins. */
  begun(): ModerationEvent[] {
    const { prompt, action, usage } = this
    const events: ModerationEvent[] = [{ type: 'prompt', verdict: prompt, action, usage }]
    if (action !== 'block') return events
    this.blocked = true
    events.push({ type: 'block', reason: 'prompt', verdict: prompt, start: 0 })
    return [...events, ...this.#stopped()]
  }

  /** Judges what has come more of the reply. @throws HttpError 429, GuardBusyError: then nothing was taken */
  push(delta: string): Promise<ModerationEvent[]> {
    return this.#inTurn(async () => {
      if (this.#passing) return this.#pass(delta)
      return await this.#seeing(delta, async (moderation) => {
        const verdicts = await this.#see(moderation)
        return this.#judged(verdicts, moderation.provisional)
      })
    })
  }

  /** Judges what is held back as if the reply ended here. It may go on. */
  settle(): Promise<ModerationEvent[]> {
    return this.#inTurn(async () => {
      if (this.#passing) return []
      return await this.#seeing('', async (moderation) => {
        const events = this.#judged(await this.#see(moderation), moderation.provisional)
        // White space says nothing yet: it is part of the word that comes.
        if (this.ended || this.#text.slice(this.#finalEnd).trim() === '') return events
        const { rest } = await moderation.end()
        moderation.rewind(this.tokens.length)
        this.#unseen = this.#text.slice(this.#finalEnd)
        return [...events, ...this.#judged([], rest)]
      })
    })
  }

  /** Ends the reply: what was held back is released, unless it blocks. */
  end(): Promise<ModerationEvent[]> {
    return this.#inTurn(async () => {
      if (this.#passing) return this.#over([])
      const events = await this.#seeing('', async (moderation) => {
        const before = this.#judged(await this.#see(moderation), [])
        if (this.ended) return before
        const { rest, ...reply } = await moderation.end()
        this.#reply = reply
        return [...before, ...this.#judged(rest, [])]
      })
      return this.#over(events)
    })
  }

  /** Gives its place in the engine up. */
  async park(): Promise<void> {
    const moderation = this.#moderation
    this.#moderation = null
    await moderation?.close()
  }

  /** Forgets it. Calls that have not begun do nothing. */
  close(): void {
    this.#closed = true
    void this.#turn.then(() => this.#leaveForGood())
  }

  async #leaveForGood(): Promise<void> {
    this.#seats.free(this)
    await this.park()
  }

  get #finalEnd(): number {
    return this.tokens.at(-1)?.end ?? 0
  }

  #inTurn(work: () => Promise<ModerationEvent[]>): Promise<ModerationEvent[]> {
    const result = this.#turn.then(async () => {
      if (this.ended || this.#closed) return []
      const events = await work()
      if (this.ended) await this.#leaveForGood()
      return events
    })
    this.#turn = result.catch(() => {})
    return result
  }

  /** Runs `work` on the moderation, with `delta` behind what it has still to see. What it throws fails the reply. */
  async #seeing(
    delta: string,
    work: (moderation: Moderation) => Promise<ModerationEvent[]>,
  ): Promise<ModerationEvent[]> {
    await this.#seats.take(this, this.#options.signal)
    try {
      const moderation = this.#moderation ?? (await this.#reopened())
      this.#moderation = moderation
      this.#text += delta
      this.#unseen += delta
      this.#release.pushed(delta)
      const events = await work(moderation)
      if (!this.ended) this.#reply = moderation.reply
      return events
    } catch (error) {
      // Nothing is lost: it can be tried again.
      if (!this.#moderation && (error instanceof GuardBusyError || !GuardError.isGuardError(error)))
        throw error
      this.#options.signal.throwIfAborted()
      return this.#failed(error)
    } finally {
      await this.#seats.leave(this)
    }
  }

  async #see(moderation: Moderation): Promise<TokenVerdict[]> {
    const text = this.#unseen
    this.#unseen = ''
    return text === '' ? [] : await moderation.push(text)
  }

  /** A moderation that has seen what was judged already. */
  async #reopened(): Promise<Moderation> {
    const { open, signal } = this.#options
    const moderation = await this.#stream.open(this.#messages, { ...open, signal })
    try {
      const seen = this.#text.slice(0, this.#finalEnd)
      const verdicts = seen === '' ? [] : await moderation.push(seen)
      const { rest } = await moderation.end()
      const count = verdicts.length + rest.length
      if (count !== this.tokens.length) {
        throw new DecodeError(`expected ${this.tokens.length} tokens to be judged again, got ${count}`)
      }
      moderation.rewind(count)
      this.#unseen = this.#text.slice(this.#finalEnd)
      return moderation
    } catch (error) {
      await moderation.close()
      throw error
    }
  }

  #judged(verdicts: readonly TokenVerdict[], provisional: readonly TokenVerdict[]): ModerationEvent[] {
    for (const verdict of verdicts) this.tokens.push(verdict)
    if (this.blocked) return verdicts.map((verdict) => ({ type: 'token', verdict }))
    const events: ModerationEvent[] = []
    let told = 0
    for (const event of this.#release.judge(verdicts, provisional, true)) {
      if (event.type === 'token') told++
      if (event.type === 'flag') this.action = 'flag'
      events.push(event)
      if (event.type !== 'block') continue
      this.blocked = true
      this.action = 'block'
      for (const verdict of verdicts.slice(told)) events.push({ type: 'token', verdict })
    }
    return this.blocked ? [...events, ...this.#stopped()] : events
  }

  /** What follows a block. */
  #stopped(): ModerationEvent[] {
    if (this.#options.judgesOn) return []
    this.ended = true
    if (this.#moderation) this.#reply = this.#moderation.reply
    return [{ type: 'end', verdict: this.#reply, action: 'block' }]
  }

  #failed(cause: unknown): ModerationEvent[] {
    const error = GuardError.isGuardError(cause) ? cause : new DecodeError('the guard failed', { cause })
    if (this.#options.policy.onFailure === 'allow' && !this.blocked) {
      this.#passing = true
      this.action = 'flag'
      return [{ type: 'flag', verdict: null, action: 'flag', error }, ...this.#pass('')]
    }
    this.blocked = true
    this.action = 'block'
    this.ended = true
    return [
      { type: 'block', reason: 'failure', verdict: null, start: this.#release.end, error },
      { type: 'end', verdict: { ...this.#reply, complete: false }, action: 'block' },
    ]
  }

  #pass(delta: string): ModerationEvent[] {
    this.#text += delta
    this.#release.pushed(delta)
    const text = this.#release.rest()
    return text === '' ? [] : [{ type: 'text', text }]
  }

  #over(events: ModerationEvent[]): ModerationEvent[] {
    if (this.ended) return events
    const text = this.blocked ? '' : this.#release.rest()
    this.ended = true
    return [
      ...events,
      ...(text === '' ? [] : [{ type: 'text' as const, text }]),
      { type: 'end', verdict: this.#reply, action: this.action },
    ]
  }
}
