import { toMessages } from '../input.js'
import type { ModerationEvent } from '../stream/events.js'
import type { ModerateOptions } from '../stream/moderate.js'
import type { Input, Message } from '../types.js'
import type { Moderator } from './moderator.js'

/**
 * What the texts of one stream are judged against. By a guard each is, as a reply of its own to the input. A Conversation
 * has taken the input with the first of them, so each further one goes on from what it has released of the same kind.
 */
export class Turn {
  readonly #guard: Moderator
  readonly #input: string | Message[]
  /** With a Conversation, the messages up to the user's that is answered. */
  #messages: readonly Message[] | null = null
  #lane: string | undefined

  constructor(guard: Moderator, input: Input) {
    this.#guard = guard
    // The caller's may go on changing while the stream is judged.
    this.#input = Array.isArray(input) ? toMessages(input, ['user', 'assistant']) : (input as string)
  }

  /** Called before the first text is moderated. */
  start(): void {
    const { messages } = this.#guard
    if (!messages) return
    this.#messages =
      typeof this.#input === 'string' ? [...messages, { role: 'user', content: this.#input }] : this.#input
  }

  /**
   * Called when a text begins, with its lane where the lanes are replies of their own.
   * @throws TypeError if a Conversation cannot judge it with those that there were, or are still open
   */
  add(lane: string | undefined, open: number): void {
    if (!this.#messages) return
    this.#lane ??= lane
    if (open === 0 && lane === this.#lane) return
    throw new TypeError(
      'A Conversation judges one reply, one text after the other, and this stream has several at once: give the adapter the guard itself, with the messages of the call',
    )
  }

  /** Moderates the first text, before `start`, or a further one, once those that have ended are over. */
  moderate(reply: AsyncIterable<string>, options: ModerateOptions): AsyncIterable<ModerationEvent> {
    return this.#guard.moderate(this.#goneOn(options.reasoning ?? false), reply, options)
  }

  #goneOn(ofReasoning: boolean): Input {
    if (!this.#messages) return this.#input
    const said = this.#guard.messages?.[this.#messages.length]
    if (!said) return [...this.#messages]
    const { content, reasoning = '' } = said
    const shown = ofReasoning ? { reasoning: line(reasoning) } : { content: line(content) }
    return [...this.#messages, { ...said, ...shown }]
  }
}

/** Several texts of one message are joined by line ends, as in the messages of a call. */
function line(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}
