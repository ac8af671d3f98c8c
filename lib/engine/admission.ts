import { GuardBusyError, GuardClosedError } from '../errors.js'

/** What somebody who asks for a sequence needs, and how long it may wait for it. */
export interface Need {
  /** KV cells that nobody else holds. */
  cells: number
  signal?: AbortSignal | undefined
  /** Default: as long as it takes. */
  timeoutMs?: number | undefined
}

interface Waiter {
  cells: number
  since: number
  enter(): void
  refuse(error: unknown): void
}

export interface Limits {
  sequences: number
  /** KV cells of all sequences together; Infinity where each has its own. */
  cells: number
  /** How many may wait. */
  queue: number
}

/**
 * Who may have a sequence, and who waits for one: first come, first served, as long as there are sequences and KV cells that
 * are not promised to others. It knows promises alone; what the cells hold is the native engine's to know.
 */
export class Admission {
  readonly #limits: Limits
  readonly #retryAfterMs: () => number
  readonly #waiters: Waiter[] = []
  #open = 0
  #promised = 0
  /** Callers that are on their way to `enter`. */
  #announced = 0
  #closed = false

  /** `retryAfterMs`: how long the queue takes to move by one. */
  constructor(limits: Limits, retryAfterMs: () => number) {
    this.#limits = limits
    this.#retryAfterMs = retryAfterMs
  }

  /** How many wait, and for how long the first of them has, in milliseconds. */
  get waiting(): { count: number; longestMs: number } {
    const since = this.#waiters[0]?.since
    return {
      count: this.#waiters.length,
      longestMs: since === undefined ? 0 : Math.round(performance.now() - since),
    }
  }

  /**
   * Announces a caller of `enter` that has yet to find out what it needs, which takes time and memory: as many are
   * let in as there are sequences free and places in the queue.
   *
   * @returns what is to be called when it enters, or gives up; further calls do nothing
   * @throws GuardBusyError, GuardClosedError
   */
  announce(): () => void {
    this.#requireOpen()
    const coming = this.#announced + this.#waiters.length
    if (coming >= this.#limits.queue + this.#limits.sequences - this.#open) throw this.#full(coming)
    this.#announced += 1
    let onItsWay = true
    return () => {
      if (onItsWay) this.#announced -= 1
      onItsWay = false
    }
  }

  /**
   * What `take` makes when a sequence and the cells are promised, at once where they are free and nobody waits; `leave`
   * gives both back.
   *
   * @throws GuardBusyError if as many wait as may, or after `timeoutMs`; GuardClosedError, or `signal.reason`
   */
  enter<T>({ cells, signal, timeoutMs }: Need, take: () => T): T | Promise<T> {
    this.#requireOpen()
    signal?.throwIfAborted()
    if (this.#waiters.length === 0 && this.#fits(cells)) return this.#promise(cells, take)
    if (this.#waiters.length >= this.#limits.queue) throw this.#full(this.#waiters.length)
    return new Promise<T>((resolve, reject) => {
      const stop = () => {
        signal?.removeEventListener('abort', onAbort)
        clearTimeout(timer)
      }
      const waiter: Waiter = {
        cells,
        since: performance.now(),
        enter: () => {
          stop()
          resolve(this.#promise(cells, take))
        },
        refuse: (error) => {
          stop()
          reject(error)
        },
      }
      const giveUp = (error: unknown) => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
        waiter.refuse(error)
        // It may have stood before others that need less.
        this.#admit()
      }
      const onAbort = () => giveUp(signal?.reason)
      const timer =
        timeoutMs === undefined ? undefined : setTimeout(() => giveUp(this.late(timeoutMs)), timeoutMs)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.push(waiter)
    })
  }

  /** Gives a sequence and its cells back. */
  leave(cells: number): void {
    this.#open -= 1
    this.#promised -= cells
    this.#admit()
  }

  /** Fails who waits and who comes with GuardClosedError. Idempotent. */
  close(): void {
    this.#closed = true
    for (const waiter of this.#waiters.splice(0)) {
      waiter.refuse(new GuardClosedError('the guard was closed while this waited'))
    }
  }

  #fits(cells: number): boolean {
    return this.#open < this.#limits.sequences && this.#promised + cells <= this.#limits.cells
  }

  #promise<T>(cells: number, take: () => T): T {
    this.#open += 1
    this.#promised += cells
    return take()
  }

  #admit(): void {
    for (let next = this.#waiters[0]; next && this.#fits(next.cells); next = this.#waiters[0]) {
      this.#waiters.shift()
      next.enter()
    }
  }

  #requireOpen(): void {
    if (this.#closed) throw new GuardClosedError('the guard is closed')
  }

  #full(waiting: number): GuardBusyError {
    return new GuardBusyError(
      `${waiting} requests wait already (maxQueue): try again later, or load with more maxSequences`,
      this.#retryAfterMs(),
    )
  }

  /** What who waited so long is told. */
  late(timeoutMs: number): GuardBusyError {
    const { sequences } = this.#limits
    return new GuardBusyError(
      `no place came free within ${timeoutMs} ms (queueTimeoutMs): ${this.#open} of ${sequences} sequences are in use and ` +
        `${Math.max(0, this.#waiters.length - 1)} others wait. Try again later, or load with more maxSequences`,
      this.#retryAfterMs(),
    )
  }
}
