import { checkBoolean, checkKeys, checkSignal, type Keys } from '../options.js'
import { checkTooLong, type ReplyTooLong } from './reply-cache.js'

export interface OpenOptions {
  /** Whether the reply begins inside the model's reasoning, up to `</think>`. Default false. */
  reasoning?: boolean
  /**
   * What becomes of a reply that outgrows the context: an error, before anything of it that was not judged is
   * released, or the guard goes on seeing the prompt and the latest part of the reply. Default `'error'`.
   */
  tooLong?: ReplyTooLong
  /** Aborts the opening and every push. */
  signal?: AbortSignal
}

const OPEN_KEYS: Keys<OpenOptions> = { reasoning: true, tooLong: true, signal: true }

/** @throws TypeError for what `open` cannot take */
export function checkOpen(options: OpenOptions): void {
  checkKeys('the options of open', options, OPEN_KEYS)
  const { reasoning, tooLong, signal } = options
  checkBoolean('reasoning', reasoning)
  if (tooLong !== undefined) checkTooLong(tooLong)
  checkSignal(signal)
}
