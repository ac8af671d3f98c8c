import { CATEGORIES } from '../labels.js'
import type { Policy } from '../policy.js'
import type { PromptVerdict, TokenVerdict } from '../stream/verdict.js'
import { events } from './server-events.js'
import { ServerError, type ServerFault } from './server-fault.js'

/** What a live session says. After `onEnd` or `onFault` it says nothing more. */
export interface LiveListener {
  onPrompt(verdict: PromptVerdict): void
  onTokens(tokens: readonly TokenVerdict[]): void
  onEnd(): void
  onFault(fault: ServerFault): void
}

/** A request to the server, with the key and its errors understood. @throws ServerError, or an AbortError */
export type Ask = (path: string, init: RequestInit) => Promise<Response>

/** The session's own policy lets everything pass, so that every token is judged: what a policy does is worked out here. */
const PASS_ALL: Policy = {
  prompt: 'allow',
  categories: Object.fromEntries(CATEGORIES.map((category) => [category, 'allow' as const])),
}

/** One reply that is judged by the server while it grows. */
export class LiveSession {
  readonly #ask: Ask
  readonly #listener: LiveListener
  readonly #abort = new AbortController()
  #id: string | null = null
  #text = ''
  #sent = 0
  #ending = false
  #sending = false
  #done = false

  constructor(ask: Ask, prompt: string, listener: LiveListener) {
    this.#ask = ask
    this.#listener = listener
    void this.#run(prompt)
  }

  push(delta: string): void {
    this.#text += delta
    void this.#send()
  }

  /** The reply is over. */
  end(): void {
    this.#ending = true
    void this.#send()
  }

  /** Ends the session wherever it is. */
  close(): void {
    if (this.#done) return
    this.#done = true
    this.#abort.abort()
    // Its place in the engine is another's at once. Whether it is heard does not matter: it is forgotten in any case.
    if (this.#id !== null)
      this.#ask(`v1/live/${this.#id}`, { method: 'DELETE', keepalive: true }).catch(() => {})
  }

  async #run(prompt: string): Promise<void> {
    try {
      const opened = await this.#post('v1/live', { prompt, policy: PASS_ALL, after_block: 'judge' })
      const session = (await opened.json()) as { id: string; prompt: PromptVerdict }
      this.#id = session.id
      if (this.#done) return
      this.#listener.onPrompt(session.prompt)
      void this.#send()
      await this.#read(session.id)
    } catch (error) {
      this.#fail(error)
    }
  }

  async #read(id: string): Promise<void> {
    const { body } = await this.#ask(`v1/live/${id}/events`, { signal: this.#abort.signal })
    if (!body) throw new ServerError({ kind: 'lost', message: 'The server sent no events' })
    for await (const { type, data } of events(body)) {
      if (this.#done) return
      const event = JSON.parse(data) as {
        verdict?: TokenVerdict
        reason?: string
        error?: { message: string }
      }
      if (type === 'token' && event.verdict) this.#listener.onTokens([event.verdict])
      // The session's policy blocks nothing: whatever is blocked could not be judged.
      if (type === 'block') {
        const message = event.error?.message ?? event.reason ?? 'blocked'
        throw new ServerError({ kind: 'refused', message })
      }
      if (type !== 'end') continue
      this.#done = true
      this.#listener.onEnd()
      return
    }
    throw new ServerError({ kind: 'lost', message: 'The connection broke off' })
  }

  /** Sends what has come since, all of it together, one request at a time: so text arrives in order. */
  async #send(): Promise<void> {
    if (this.#id === null || this.#sending || this.#done) return
    this.#sending = true
    try {
      while (!this.#done && (this.#sent < this.#text.length || this.#ending)) {
        const [at, text, end] = [this.#sent, this.#text.slice(this.#sent), this.#ending]
        this.#sent = this.#text.length
        await this.#post(`v1/live/${this.#id}/text`, { text, at, ...(end && { end }) })
        if (end) break
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#sending = false
  }

  #post(path: string, body: unknown): Promise<Response> {
    return this.#ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: this.#abort.signal,
    })
  }

  #fail(error: unknown): void {
    if (this.#done) return
    this.close()
    const message = 'The connection broke off'
    this.#listener.onFault(error instanceof ServerError ? error.fault : { kind: 'lost', message })
  }
}
