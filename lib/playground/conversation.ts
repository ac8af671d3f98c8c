import type { PromptVerdict, TokenVerdict } from '../stream/verdict.js'
import type { GuardServer } from './guard-server.js'
import type { LiveSession } from './live-session.js'
import type { Judged, Step } from './replay.js'
import type { ServerFault } from './server-fault.js'
import type { GenAnswer } from './verdict-cards.js'

/** Milliseconds without a key after which what is typed counts as finished. */
const PAUSE_MS = 900
/** Milliseconds that a change waits for the next one, where it makes all to be judged again. */
const SETTLE_MS = 250

/** What a session that runs has said. */
interface Running {
  prompt: PromptVerdict | null
  steps: Step[]
  ended: boolean
}

/**
 * What stands in the two fields, and what the guards have said about it. A reply that grows is pushed on as it grows; any
 * other change begins anew, with what was said before in view until there is something to put in its place.
 */
export class Conversation {
  prompt = ''
  reply = ''
  genPrompt: GenAnswer = null
  genReply: GenAnswer = null
  fault: ServerFault | null = null
  readonly #server: GuardServer
  readonly #onChange: () => void
  #live: LiveSession | null = null
  /** What the live session has been given. */
  #pushed = ''
  /** Of that, what no step has yet. */
  #unstepped = ''
  #ending = false
  /** Of the session that runs, and what is shown. */
  #fresh: Running = { prompt: null, steps: [], ended: false }
  #shown: Judged = this.#fresh
  #timers: { settle?: number; pause?: number } = {}
  #genAbort: { prompt?: AbortController; reply?: AbortController } = {}

  constructor(server: GuardServer, onChange: () => void) {
    this.#server = server
    this.#onChange = onChange
  }

  get judged(): Judged {
    return this.#shown
  }

  /** Text of the reply that no shown token has. */
  get waiting(): string {
    const last = this.#shown.steps.findLast(({ tokens }) => tokens.length > 0)?.tokens.at(-1)
    return this.reply.slice(last?.end ?? 0)
  }

  /** Whether all that stands in the fields is judged. */
  get isSettled(): boolean {
    return this.#shown === this.#fresh && this.#shown.ended && this.#pushed === this.reply
  }

  /** Takes what the fields hold now. `over`: the reply will not grow. */
  set(prompt: string, reply: string, over: boolean): void {
    const isNewPrompt = prompt !== this.prompt
    const grows = reply.startsWith(this.#pushed) && this.#live !== null && !this.#ending && !isNewPrompt
    this.prompt = prompt
    this.reply = reply
    clearTimeout(this.#timers.pause)
    if (isNewPrompt) {
      this.genPrompt = null
      this.#shown = { prompt: null, steps: [], ended: false }
    }
    if (isNewPrompt || !this.isSettled) this.genReply = null
    if (!reply.startsWith(shownText(this.#shown))) this.#shown = { ...this.#shown, steps: [], ended: false }
    if (grows) this.#push(over)
    else this.#later(over)
    if (!over) this.#timers.pause = setTimeout(() => this.#finish(), PAUSE_MS)
    this.#onChange()
  }

  /** Judges all of it again: the server is back, or has another key. */
  restart(): void {
    this.fault = null
    clearTimeout(this.#timers.settle)
    this.#open(true)
  }

  #later(over: boolean): void {
    clearTimeout(this.#timers.settle)
    this.#stop()
    this.#timers.settle = setTimeout(() => this.#open(over), SETTLE_MS)
  }

  #finish(): void {
    if (this.#live) this.#push(true)
    else if (!this.isSettled) this.#open(true)
  }

  #stop(): void {
    this.#live?.close()
    this.#live = null
    this.#pushed = this.#unstepped = ''
    this.#ending = false
  }

  #open(over: boolean): void {
    clearTimeout(this.#timers.settle)
    this.#stop()
    if (this.prompt.trim() === '') return
    this.fault = null
    const fresh: Running = { prompt: null, steps: [], ended: false }
    this.#fresh = fresh
    const isCurrent = () => this.#fresh === fresh
    if (this.#server.setup.stream !== null) {
      this.#live = this.#server.live(this.prompt, {
        onPrompt: (verdict) => {
          fresh.prompt = verdict
          // What an earlier session said of the same beginning stays until this one has said as much.
          if (!isCurrent()) return
          if (this.reply === '' || this.#shown.prompt === null) this.#shown = fresh
          this.#onChange()
        },
        onTokens: (tokens) => {
          if (isCurrent()) this.#step(fresh, tokens)
        },
        onEnd: () => {
          if (!isCurrent()) return
          fresh.ended = true
          this.#shown = fresh
          this.#live = null
          this.#onChange()
        },
        onFault: (fault) => {
          if (isCurrent()) this.#failed(fault)
        },
      })
      this.#push(over)
    }
    void this.#askGen('prompt')
    if (over) void this.#askGen('reply')
    this.#onChange()
  }

  #step(fresh: Running, tokens: readonly TokenVerdict[]): void {
    fresh.steps.push({ delta: this.#unstepped, tokens })
    this.#unstepped = ''
    this.#shown = fresh
    this.#onChange()
  }

  #push(over: boolean): void {
    const delta = this.reply.slice(this.#pushed.length)
    this.#pushed = this.reply
    this.#unstepped += delta
    if (delta !== '') this.#live?.push(delta)
    if (!over || this.#ending) return
    this.#ending = true
    if (this.reply !== '') {
      this.#live?.end()
      void this.#askGen('reply')
    }
  }

  #failed(fault: ServerFault): void {
    this.fault = fault
    this.#stop()
    this.#onChange()
  }

  /** Gen's word, asked for once for each text. */
  async #askGen(of: 'prompt' | 'reply'): Promise<void> {
    const field = of === 'prompt' ? 'genPrompt' : 'genReply'
    if (this.#server.setup.gen === null || this[field] !== null || (of === 'reply' && this.reply === ''))
      return
    this.#genAbort[of]?.abort()
    const abort = new AbortController()
    this.#genAbort[of] = abort
    this[field] = 'asked'
    const messages = [{ role: 'user', content: this.prompt }]
    if (of === 'reply') messages.push({ role: 'assistant', content: this.reply })
    let answer: GenAnswer
    try {
      answer = { verdict: await this.#server.judgeByGen(messages, abort.signal) }
    } catch (error) {
      if (abort.signal.aborted) return
      answer = { error: (error as Error).message }
    }
    if (this.#genAbort[of] !== abort) return
    this[field] = answer
    this.#onChange()
  }
}

const shownText = ({ steps }: Judged): string =>
  steps.map(({ tokens }) => tokens.map(({ text }) => text).join('')).join('')
