interface Waiting {
  alone: boolean
  go: () => void
}

/**
 * Lets parts of chunks into a worker: most beside each other, and one that may end the process by itself. What else was in work
 * would seem to have ended it as well, and in the end be given up for what it did not do.
 */
export class Solitude {
  #inside = 0
  #isAlone = false
  readonly #line: Waiting[] = []

  /** Resolves, in the order of calls, when there is room; what is returned gives it back. @throws `signal.reason` */
  async enter(alone: boolean, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        const at = this.#line.indexOf(waiting)
        if (at >= 0) this.#line.splice(at, 1)
        reject(signal.reason)
        this.#admit()
      }
      const waiting = {
        alone,
        go: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#line.push(waiting)
      this.#admit()
    })
    return () => {
      this.#inside -= 1
      this.#isAlone = false
      this.#admit()
    }
  }

  #admit(): void {
    for (let next = this.#line[0]; next; next = this.#line[0]) {
      if (this.#isAlone || (next.alone && this.#inside > 0)) return
      this.#line.shift()
      this.#inside += 1
      this.#isAlone = next.alone
      next.go()
    }
  }
}
