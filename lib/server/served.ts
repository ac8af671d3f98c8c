import { setMaxListeners } from 'node:events'
import type { Context, Hono } from 'hono'

/** One request as its handlers see it, until the last byte of its response. */
export class Served {
  /** As in `x-request-id`. */
  readonly id: string
  /** Aborts when the client goes away, or the app closes. */
  readonly signal: AbortSignal
  readonly #stop = new AbortController()
  readonly #tasks: (() => void)[] = []
  #holds = 1

  /** @param sources what ends the request when it aborts: they live longer, so that they are not kept hold of */
  constructor(id: string, sources: readonly AbortSignal[]) {
    this.id = id
    this.signal = this.#stop.signal
    setMaxListeners(0, this.signal)
    for (const source of sources) {
      const onAbort = () => this.#stop.abort(source.reason)
      source.addEventListener('abort', onAbort)
      this.#tasks.push(() => source.removeEventListener('abort', onAbort))
      if (source.aborted) onAbort()
    }
  }

  /** Whether the client did not read the response to its end. */
  isGone = false

  /** The client reads no more of the response. */
  abort(): void {
    this.isGone = true
    this.#stop.abort(new DOMException('The client went away', 'AbortError'))
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
