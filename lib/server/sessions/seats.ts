import { tooMany } from '../errors.js'

/** One who may hold a place in the engine between two requests, and can give it up. */
export interface Seated {
  /** Gives the place up until it is needed again. */
  park(): Promise<void>
}

/**
 * Places in an engine that sessions keep while nobody asks anything of them, so that going on costs what is new alone. A
 * session that has been idle longest gives its place to one that needs it; one that is at work never does.
 */
export class Seats {
  readonly #most: () => number
  readonly #longestWaitMs: number
  readonly #seated = new Set<Seated>()
  /** Those of them that are idle, the one that has been so longest first. */
  readonly #idle = new Set<Seated>()
  readonly #waiting: (() => void)[] = []

  /** @param most how many may hold a place */
  constructor(most: () => number, longestWaitMs: number) {
    this.#most = most
    this.#longestWaitMs = longestWaitMs
  }

  /** Sessions that hold a place. */
  get taken(): number {
    return this.#seated.size
  }

  /** Takes a place, or keeps the one that is held, until `leave`. @throws HttpError 429 */
  async take(one: Seated, signal: AbortSignal): Promise<void> {
    this.#idle.delete(one)
    const until = performance.now() + this.#longestWaitMs
    while (!this.#seated.has(one) && this.#seated.size >= Math.max(1, this.#most())) {
      if (await this.parkOne()) continue
      const left = until - performance.now()
      if (left <= 0) throw tooMany('Every place for a session is at work', 1000)
      await this.#freed(left, signal)
      signal.throwIfAborted()
    }
    this.#seated.add(one)
  }

  /** Says that a session is idle: it keeps its place unless another waits for it. */
  async leave(one: Seated): Promise<void> {
    if (!this.#seated.has(one)) return
    if (this.#waiting.length === 0) {
      this.#idle.add(one)
      return
    }
    this.#seated.delete(one)
    await one.park()
    this.#waiting.shift()?.()
  }

  /** Gives the place of a session up that needs none any more. */
  free(one: Seated): void {
    this.#idle.delete(one)
    if (this.#seated.delete(one)) this.#waiting.shift()?.()
  }

  /** Takes the place from the session that has been idle longest. @returns whether there was one */
  async parkOne(): Promise<boolean> {
    const [first] = this.#idle
    if (!first) return false
    this.#idle.delete(first)
    this.#seated.delete(first)
    await first.park()
    return true
  }

  #freed(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        const at = this.#waiting.indexOf(done)
        if (at >= 0) this.#waiting.splice(at, 1)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done, { once: true })
      this.#waiting.push(done)
    })
  }
}
