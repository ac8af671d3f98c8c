import type { Context, Hono } from 'hono'

/** One request as its handlers see it, until the last byte of its response. */
export class Served {
  /** As in `x-request-id`. */
  readonly id: string
  /** Aborts when the client goes away, or the app closes. */
  readonly signal: AbortSignal
  readonly #tasks: (() => void)[] = []
  #holds = 1

  constructor(id: string, signal: AbortSignal) {
    this.id = id
    this.signal = signal
  }

  /** Called once when the request is done with. */
  onDone(task: () => void): void {
    this.#tasks.push(task)
  }

  /** For a body that is still to be written: the request is in work until what is returned is called. */
  hold(): () => void {
    this.#holds++
    let held = true
    return () => {
      if (held) this.release()
      held = false
    }
  }

  /** Called by who made it, when the response is there. */
  release(): void {
    this.#holds--
    if (this.#holds > 0) return
    for (const task of this.#tasks.splice(0)) task()
  }
}

export type Env = { Variables: { served: Served } }
export type App = Hono<Env>
export type Call = Context<Env>
