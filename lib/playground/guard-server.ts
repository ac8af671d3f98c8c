import type { PromptVerdict, TokenVerdict } from '../stream/verdict.js'
import { events } from './server-events.js'
import type { GenWord } from './verdict-cards.js'

/** Why something was not judged. */
export interface ServerFault {
  message: string
  /** `'lost'`: nobody answers, or not now; `'key'`: a key is wanted; `'refused'`: this request alone failed. */
  kind: 'lost' | 'key' | 'refused'
}

/** Names of the models, null where the server has none. */
export interface Setup {
  gen: string | null
  stream: string | null
}

/** What a live session says. After `onEnd` or `onFault` it says nothing more. */
export interface LiveListener {
  onPrompt(verdict: PromptVerdict): void
  onTokens(tokens: readonly TokenVerdict[]): void
  /** With the last tokens. */
  onEnd(tokens: readonly TokenVerdict[]): void
  onFault(fault: ServerFault): void
}

/** One reply that is judged while it grows. */
export interface LiveReply {
  push(delta: string): void
  end(): void
  close(): void
}

/** A request failed. */
export class ServerError extends Error {
  readonly fault: ServerFault
  constructor(fault: ServerFault) {
    super(fault.message)
    this.fault = fault
  }
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
    const response = await this.#post('v1/classify', { messages, by: 'gen' }, signal)
    const { verdict } = (await response.json()) as { verdict: GenWord }
    return verdict
  }

  /** Opens a session: the prompt is judged, and then what is pushed, in order. */
  live(prompt: string, listener: LiveListener): LiveReply {
    return new LiveSession((path, body, signal) => this.#post(path, body, signal), prompt, listener)
  }

  #post(path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    return this.#fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal,
    })
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
    const message = await messageOf(response)
    const kind = { 401: 'key', 502: 'lost', 503: 'lost', 504: 'lost' }[response.status] ?? 'refused'
    throw new ServerError({ kind: kind as ServerFault['kind'], message })
  }
}

async function messageOf(response: Response): Promise<string> {
  try {
    const { error } = (await response.json()) as { error?: { message?: string } }
    if (typeof error?.message === 'string') return error.message
  } catch {
    // Not from our server: its status has to do.
  }
  return `The server answered ${response.status}`
}
