import type { Category, Safety } from '../labels.js'
import type { Action } from '../policy.js'
import type { Message } from '../types.js'

/**
 * Sees what the server does, for metrics, traces and logs. Each member is called when something begins, and may return what
 * is called when that ends. They get no text, unless `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` is `true`. What they throw is a warning, and stops nothing.
 */
export interface ServerObserver {
  /** A request has come. */
  onRequest?(request: RequestStart): ((end: RequestEnd) => void) | undefined
  /** A prompt or reply is about to be judged. */
  onCheck?(check: CheckStart): ((end: CheckEnd) => void) | undefined
  /** A reply is moderated while it is written, or a live session opened. */
  onStream?(stream: StreamStart): ((end: StreamEnd) => void) | undefined
}

/** A request that has come. */
export interface RequestStart {
  /** As in `x-request-id`. */
  id: string
  method: string
  /** Headers, for the context of a trace. They hold the caller's key. */
  headers: Headers
}

/** A request that is done with. */
export interface RequestEnd {
  /** The route's pattern, such as `/v1/live/:id/text`; null where none matched. */
  route: string | null
  /** Of the response; 499 where the client went away before. */
  status: number
  /** Until the response's last byte. */
  ms: number
  /** `code` of the error that it ended with, as the body has it. */
  error: string | null
}

/** A text that is about to be judged. */
export interface CheckStart {
  /** Who judges. */
  kind: 'gen' | 'stream'
  /** What is judged. */
  of: 'prompt' | 'reply'
  /** Id of the request that it is for. */
  request: string | null
  /**
   * What is judged: only where the environment asks for it when the app is made, and never of replies that are still being
   * written.
   */
  messages?: readonly Message[]
}

/** What came of a check, and how long it took, in milliseconds. */
export type CheckEnd = { ms: number } & (
  | {
      /** The model's verdict. */
      safety: Safety
      categories: readonly Category[]
      refusal: boolean | null
      /** What the policy did. */
      action: Action
      /** Tokens that were judged. */
      tokens: number
      /** The model's name as answers show it. */
      model: string
    }
  /** Nothing was judged. */
  | { error: unknown }
)

/** A reply that begins to be moderated while it is written. */
export interface StreamStart {
  /** What for. */
  of: 'chat' | 'responses' | 'live' | 'gateway'
  request: string | null
}

/** How a moderated reply ended. */
export interface StreamEnd {
  ms: number
  /** `'aborted'`: the client or the upstream went away. */
  action: Action | 'aborted' | 'error'
  /** UTF-16 units of text that came, and of these, that went out. */
  received: number
  /** Of these, what went out. */
  released: number
}
