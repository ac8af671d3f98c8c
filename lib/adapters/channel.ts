/** Wakes those who wait for something to have changed. */
export class Bell {
  #waiting: (() => void)[] = []

  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  ring(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}

/** An async iterable, for one reader, of what is pushed into it. */
export class Channel<T> implements AsyncIterable<T> {
  readonly #bell = new Bell()
  readonly #onChange: () => void
  #waiting: T[] = []
  #ended = false
  #failure: { error: unknown } | null = null
  #stopped = false

  /** `onChange` is called when the reader has taken something or takes no more. */
  constructor(onChange: () => void = () => {}) {
    this.#onChange = onChange
  }

  /** Whether nothing waits for the reader. */
  get idle(): boolean {
    return this.#waiting.length === 0
  }

  /** Whether the reader has said that it takes no more. What is pushed is dropped from then on. */
  get stopped(): boolean {
    return this.#stopped
  }

  push(value: T): void {
    if (this.#stopped || this.#ended) return
    this.#waiting.push(value)
    this.#bell.ring()
  }

  end(): void {
    this.#ended = true
    this.#bell.ring()
  }

  /** The reader gets `error` after what waits. */
  fail(error: unknown): void {
    if (!this.#ended) this.#failure = { error }
    this.end()
  }

  /** Resolves when the reader has taken everything or takes no more. */
  async drained(): Promise<void> {
    while (!this.idle) await this.#bell.wait()
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return {
      next: async () => {
        while (true) {
          if (this.#waiting.length > 0) {
            const value = this.#waiting.shift() as T
            this.#changed()
            return { done: false, value }
          }
          if (this.#stopped) return { done: true, value: undefined }
          if (this.#failure) throw this.#failure.error
          if (this.#ended) return { done: true, value: undefined }
          await this.#bell.wait()
        }
      },
      return: async () => {
        this.#stopped = true
        this.#waiting = []
        this.#changed()
        return { done: true, value: undefined }
      },
    }
  }

  #changed(): void {
    this.#bell.ring()
    this.#onChange()
  }
}
