import { tooMany } from '../errors.js'

/** Counts requests in work, and refuses those above the limit. */
export class Concurrency {
  readonly #most: number
  #inWork = 0

  constructor(most: number) {
    this.#most = most
  }

  get inWork(): number {
    return this.#inWork
  }

  /** Takes a place. @returns what gives it back, once @throws HttpError 429 */
  enter(): () => void {
    if (this.#inWork >= this.#most) {
      throw tooMany(`The server has ${this.#most} requests in work, as many as it takes at a time`, 1000)
    }
    this.#inWork++
    let left = false
    return () => {
      if (!left) this.#inWork--
      left = true
    }
  }
}
