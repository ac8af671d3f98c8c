import { checkHistory, type HistoryTooLong } from '../history.js'
import { checkUnsupportedParts, type UnsupportedParts } from '../input.js'
import { checkBoolean, checkKeys, checkSignal, checkTimeout, type Keys } from '../options.js'
import { checkTooLong, type ReplyTooLong } from './reply/cache.js'

/** Options of `open`. */
export interface OpenOptions {
  /** Whether the reply begins inside the model's reasoning, up to `</think>`. Default false. */
  reasoning?: boolean
  /**
   * What becomes of a reply that outgrows the context: an error, before anything of it that was not judged is
   * released, or the guard goes on seeing the prompt and the latest part of the reply. Default `'error'`.
   */
  tooLong?: ReplyTooLong
  /**
   * What becomes of a conversation that outgrows the context before the reply: an error, or its oldest turns are left
   * out, such that a quarter of the context is the reply's, and `usage.droppedMessages` counts them. The system
   * message and the last turn stay. Default `'error'`.
   */
  history?: HistoryTooLong
  /**
   * Milliseconds to wait for a place in the engine, where all are taken, before GuardBusyError. Default: as long as it takes.
   */
  queueTimeoutMs?: number
  /**
   * What becomes of images, audio and files in messages, which no guard reads: they are left out where a message has text
   * beside them, or are a TypeError. A message of media alone is one either way. Default `'skip'`.
   */
  unsupportedParts?: UnsupportedParts
  /** Aborts the opening and every push. */
  signal?: AbortSignal
}

const OPEN_KEYS: Keys<OpenOptions> = {
  reasoning: true,
  tooLong: true,
  history: true,
  queueTimeoutMs: true,
  unsupportedParts: true,
  signal: true,
}

/** @throws TypeError for what `open` cannot take */
export function checkOpen(options: OpenOptions): void {
  checkKeys('the options of open', options, OPEN_KEYS)
  const { reasoning, tooLong, history, queueTimeoutMs, unsupportedParts, signal } = options
  checkBoolean('reasoning', reasoning)
  if (tooLong !== undefined) checkTooLong(tooLong)
  if (history !== undefined) checkHistory(history)
  if (unsupportedParts !== undefined) checkUnsupportedParts(unsupportedParts)
  checkTimeout('queueTimeoutMs', queueTimeoutMs)
  checkSignal(signal)
}
