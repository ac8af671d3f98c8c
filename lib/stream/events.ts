import { GuardError } from '../errors.js'
import type { Action } from '../policy.js'
import type { PromptVerdict, ReplyVerdict, TokenVerdict } from './verdict.js'

/** Content that a guard of text does not judge unless its adapter is told to. */
export type Unjudged = 'tool-call' | 'tool-result' | 'media'

/** Tokens of a prompt. */
export interface PromptUsage {
  /** Template and conversation, up to the end of the last user's message. */
  promptTokens: number
  /** Those that an earlier turn of the same conversation had computed. */
  cachedTokens: number
  /** With `history: 'drop'`, where the conversation did not fit: its oldest messages, which were left out. */
  droppedMessages?: number
}

/** What happens while a reply is moderated. */
export type ModerationEvent =
  /** First, unless the prompt could not be judged. */
  | { type: 'prompt'; verdict: PromptVerdict; action: Action; usage: PromptUsage }
  /** A token was judged; with `tokens: true`. */
  | { type: 'token'; verdict: TokenVerdict }
  /** With `tooLong: 'slide'`: for the tokens from here on the guard sees the prompt and the reply from `start` on. */
  | { type: 'slide'; start: number }
  /** Text released, as it came: in order, each unit once. */
  | { type: 'text'; text: string }
  /**
   * The policy flags what is released: once for each severity and category. Without a verdict, and with the
   * error, where the guard failed and `onFailure: 'allow'` releases the rest unjudged.
   */
  | { type: 'flag'; verdict: TokenVerdict | null; action: Action; error?: GuardError }
  /**
   * Nothing from `start` on (UTF-16 units of the reply) is released. With `provisional: true` the verdict is one
   * of `Moderation.provisional`: of text that was still held back, and might have become other tokens.
   */
  | {
      type: 'block'
      reason: 'prompt' | 'reply' | 'failure' | 'overload' | 'unjudged'
      verdict: PromptVerdict | TokenVerdict | null
      start: number
      provisional?: true
      error?: GuardError
      /** With the reason `'unjudged'`, which adapters alone have: what it is that was refused rather than passed. */
      unjudged?: Unjudged
    }
  /**
   * Of adapters alone: this has passed, or is part of the prompt, and nobody has judged it. Once for each tool call or file
   * of a reply, and for each kind in a prompt. `name` is a tool's, where it is known.
   */
  | { type: 'unjudged'; what: Unjudged; from: 'prompt' | 'reply'; name?: string }
  /** Of adapters alone: this field of a chunk is not known, and was left out. Once for each. */
  | { type: 'omitted'; field: string }
  /**
   * Last, once. Of a reply that was not judged to its end, `verdict.complete` is false. `action` is the most severe of
   * what the policy did: the verdict is the model's, and may be Safe where the policy blocked (`threshold`, `consecutive`).
   */
  | { type: 'end'; verdict: ReplyVerdict; action: Action }

/** A reply was blocked, where the caller asked for an error rather than for the stream's end. */
export class ReplyBlockedError extends GuardError {
  /** Why, and from where on. */
  readonly event: Extract<ModerationEvent, { type: 'block' }>
  constructor(event: Extract<ModerationEvent, { type: 'block' }>) {
    super('ERR_BLOCKED', `the reply was blocked from character ${event.start} on: ${event.reason}`, {
      cause: event.error,
    })
    this.event = event
  }
}
Object.defineProperty(ReplyBlockedError.prototype, 'name', { value: 'ReplyBlockedError' })
