import { openSource, type Source } from '../open-source.js'

/** Units of text read ahead of the moderation before the source is made to wait. */
const MOST_WAITING = 65_536

/** Units handed on at once: text that cannot be judged to its end is then judged as far as it can be. */
const MOST_AT_ONCE = 2048

/** Where a reply's text comes from. */
export type ReplyStream = AsyncIterable<string> | ReadableStream<string>

/** @throws TypeError if it is neither an async iterable nor a ReadableStream. */
export function checkReply(reply: unknown): asserts reply is ReplyStream {
  const readable =
    typeof reply === 'object' && reply !== null && ('getReader' in reply || Symbol.asyncIterator in reply)
  if (readable) return
  throw new TypeError(
    `Expected the reply to be an async iterable or a ReadableStream of text, got ${reply === null ? 'null' : typeof reply}. To judge text that is complete, use open(), push() and end()`,
  )
}

/** Tells a reply that nobody has begun to read that nobody will. */
export function stopReply(reply: ReplyStream): void {
  try {
    openSource(reply).stop()
  } catch {
    // One that somebody else reads is not ours to stop.
  }
}

/**
 * Reads a reply ahead of its moderation, up to a bound, and hands on all text that waits at once, so that a
 * guard slower than its source falls no further behind.
 */
export class ReplySource {
  readonly #source: Source<unknown>
  readonly #signal: AbortSignal | undefined
  #waiting = ''
  #done = false
  #stopped = false
  #failure: { error: unknown } | null = null
  #interruption: { error: unknown } | null = null
  #interruptible = true
  /** Wakes the reader, and the pump that waits for room. */
  #onText: () => void = () => {}
  #onRoom: () => void = () => {}
  readonly #onAbort = () => this.#onText()

  constructor(reply: ReplyStream, signal: AbortSignal | undefined) {
    this.#source = openSource<unknown>(reply)
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort)
    void this.#pump()
  }

  /**
   * The text that has come since the last call, waiting for some; null at the end of the reply.
   * @throws the source's error, or `signal.reason`; once what `interrupt` was given
   */
  async read(): Promise<string | null> {
    while (true) {
      this.#signal?.throwIfAborted()
      if (this.#waiting !== '') {
        const text = this.#waiting.slice(0, MOST_AT_ONCE)
        this.#waiting = this.#waiting.slice(MOST_AT_ONCE)
        this.#onRoom()
        return text
      }
      if (this.#failure) throw this.#failure.error
      if (this.#done) return null
      const interruption = this.#interruption
      this.#interruption = null
      if (interruption) throw interruption.error
      await new Promise<void>((resolve) => {
        this.#onText = resolve
      })
    }
  }

  /** Has who waits for text, or the next who would, go on with an error; the source is read on. */
  interrupt(error: unknown): void {
    if (this.#interruptible) this.#interruption = { error }
    this.#onText()
  }

  /** From now on nothing interrupts: who reads does without what would. */
  goOn(): void {
    this.#interruptible = false
    this.#interruption = null
  }

  /** Tells the source that no more is read, without waiting for it to agree. Idempotent. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#onRoom()
    this.#signal?.removeEventListener('abort', this.#onAbort)
    if (!this.#done) this.#source.stop()
  }

  async #pump(): Promise<void> {
    try {
      while (!this.#stopped) {
        if (this.#waiting.length >= MOST_WAITING) {
          await new Promise<void>((resolve) => {
            this.#onRoom = resolve
          })
          continue
        }
        const { done, value } = await this.#source.next()
        if (done) {
          this.#done = true
          break
        }
        if (typeof value !== 'string') {
          throw new TypeError(
            `Expected the reply's pieces to be text, got ${value === null ? 'null' : typeof value}`,
          )
        }
        this.#waiting += value
        this.#onText()
      }
    } catch (error) {
      this.#failure = { error }
    }
    this.#onText()
  }
}
