import { DecodeError } from '../errors.js'
import type { ModerationEvent } from '../stream/events.js'
import { Channel } from './channel.js'
import type { BlockEvent } from './moderator.js'

/** One text under moderation: it is pushed in pieces, and what was released of it is taken. */
export class JudgedText {
  readonly #channel: Channel<string>
  readonly #onEvent: (event: ModerationEvent) => void
  readonly #onChange: () => void
  #pushed = 0
  #taken = 0
  #released = ''
  #endsInHalf = false
  /** Resolves, never rejects, when the moderation is over and its place in the engine is free. */
  over: Promise<void> = Promise.resolve()
  /** The lane of the parts that it is written as. */
  lane: string | undefined
  /** Whether all of it was pushed. */
  ended = false
  /** Whether the prompt lets a reply through. */
  cleared = false
  block: BlockEvent | null = null
  failure: { error: unknown } | null = null
  /** Whether nothing more is released. */
  done = false

  /** `onChange` is called whenever there is something new to see. */
  constructor(onEvent: (event: ModerationEvent) => void, onChange: () => void) {
    this.#channel = new Channel(onChange)
    this.#onEvent = onEvent
    this.#onChange = onChange
  }

  /** What is pushed, for the one who moderates it. */
  get reply(): AsyncIterable<string> {
    return this.#channel
  }

  /** Begins once `after` is done: of what has ended, a Conversation judges one text after the other. */
  start(after: Promise<unknown>, moderate: () => AsyncIterable<ModerationEvent>): void {
    this.over = after.then(() => this.#read(moderate))
  }

  /** Whether the moderation has taken what was pushed: where it has not, it is behind. */
  get idle(): boolean {
    return this.#channel.idle
  }

  get available(): boolean {
    return this.#whole > 0
  }

  /** Whether what was pushed ends within a surrogate pair. */
  get endsInHalf(): boolean {
    return this.#endsInHalf
  }

  /** Length of the released text up to half a surrogate pair at its end, whose other half is still to come. */
  get #whole(): number {
    const length = this.#released.length
    return !this.done && endsInHalf(this.#released) ? length - 1 : length
  }

  push(text: string): void {
    this.#pushed += text.length
    this.#endsInHalf = endsInHalf(text)
    this.#channel.push(text)
  }

  end(): void {
    this.ended = true
    this.#channel.end()
  }

  fail(error: unknown): void {
    this.ended = true
    this.#channel.fail(error)
  }

  /** Released text that was not taken yet, at most so many UTF-16 units of it. */
  take(most: number): string {
    const length = Math.min(most, this.#whole)
    const text = this.#released.slice(0, length)
    this.#released = this.#released.slice(length)
    this.#taken += text.length
    return text
  }

  async #read(moderate: () => AsyncIterable<ModerationEvent>): Promise<void> {
    try {
      for await (const event of moderate()) {
        this.#onEvent(event)
        if (event.type === 'text') this.#released += event.text
        if (event.type === 'block') this.block = event
        // Without a prompt's verdict, a flag says that the guard has failed and the policy lets that through.
        this.cleared ||= event.type === 'prompt' ? event.action !== 'block' : event.type === 'flag'
        this.#onChange()
      }
      if (!this.block && !(this.ended && this.#taken + this.#released.length === this.#pushed)) {
        throw new DecodeError('the moderation ended before its text did')
      }
    } catch (error) {
      this.failure = { error }
    }
    this.done = true
    this.#onChange()
  }
}

/** Whether a text ends with the first half of a surrogate pair. */
function endsInHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last <= 0xdbff
}
