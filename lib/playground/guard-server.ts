import { type LiveListener, LiveSession } from './live-session.js'
import { faultOf, ServerError } from './server-fault.js'
import type { GenWord } from './verdict-cards.js'

/** Names of the models, null where the server has none. */
export interface Setup {
  gen: string | null
  stream: string | null
}

const KEY = 'qwen3guard key'

/** The server that the page is from. */
export class GuardServer {
  setup: Setup = { gen: null, stream: null }
  /** Kept for this tab alone. */
  #key = sessionStorage.getItem(KEY)

  useKey(key: string): void {
    this.#key = key
    sessionStorage.setItem(KEY, key)
  }

  /** Asks what there is, and so whether the server answers. @throws ServerError */
  async connect(): Promise<void> {
    const response = await this.#fetch('playground/setup')
    this.setup = (await response.json()) as Setup
    const { status } = await this.#fetch('health').catch((error: ServerError) => {
      throw error.fault.kind === 'refused' ? new ServerError({ ...error.fault, kind: 'lost' }) : error
    })
    if (status !== 200) throw new ServerError({ kind: 'lost', message: 'The model is loading' })
  }

  /** @throws ServerError; an AbortError */
  async judgeByGen(messages: { role: string; content: string }[], signal: AbortSignal): Promise<GenWord> {
    const response = await this.#fetch('v1/classify', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages, by: 'gen' }),
      signal,
    })
    return (await response.json()) as GenWord
  }

  /** Opens a session: the prompt is judged, and then what is pushed, in order. */
  live(prompt: string, listener: LiveListener): LiveSession {
    return new LiveSession((path, init) => this.#fetch(path, init), prompt, listener)
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    if (this.#key !== null) headers.set('authorization', `Bearer ${this.#key}`)
    let response: Response
    try {
      response = await fetch(new URL(path, document.baseURI), { ...init, headers, cache: 'no-store' })
    } catch (error) {
      if (init.signal?.aborted) throw error
      throw new ServerError({ kind: 'lost', message: 'The server does not answer' })
    }
    if (response.ok) return response
    throw new ServerError(await faultOf(response))
  }
}
