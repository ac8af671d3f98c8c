/** The longest that a row of a batch waits for single checks, of which there may always be one. */
const PATIENCE_MS = 1000

/** Lets single checks go before rows of batches. */
export class LiveFirst {
  #checks = 0
  readonly #waiting = new Set<() => void>()

  /** Runs a single check. */
  async check<T>(work: () => Promise<T>): Promise<T> {
    this.#checks += 1
    try {
      return await work()
    } finally {
      this.#checks -= 1
      if (this.#checks === 0) for (const go of [...this.#waiting]) go()
    }
  }

  /** Resolves when no check is in work, or when the row has waited long enough. */
  async quiet(): Promise<void> {
    if (this.#checks === 0) return
    await new Promise<void>((resolve) => {
      const go = () => {
        clearTimeout(timer)
        this.#waiting.delete(go)
        resolve()
      }
      const timer = setTimeout(go, PATIENCE_MS)
      this.#waiting.add(go)
    })
  }
}
