import { promised, type Steps } from '../event-loop.js'

/** Calls that may overlap, carried out one after the other. */
export class Turns {
  /** The latest call; null when all are done. */
  #latest: Promise<unknown> | null = null
  #waiting = 0

  /** Calls that are not done. */
  get waiting(): number {
    return this.#waiting
  }

  /** Does `work` at once where no call is under way, or after those before it, whatever becomes of them. */
  take<T>(work: () => Steps<T>): Promise<T> {
    const carryOut = () => promised(() => this.#counted(work))
    this.#waiting += 1
    const turn = this.#latest ? this.#latest.then(carryOut, carryOut) : carryOut()
    if (this.#waiting > 0) this.#latest = turn
    return turn
  }

  *#counted<T>(work: () => Steps<T>): Steps<T> {
    try {
      return yield* work()
    } finally {
      this.#waiting -= 1
      if (this.#waiting === 0) this.#latest = null
    }
  }

  /** Calls back when the calls made so far are done, at once where they are. */
  whenDone(then: () => void): void {
    if (this.#latest) this.#latest.then(then, then)
    else then()
  }
}
