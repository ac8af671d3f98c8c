import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Policy } from '../policy.js'
import { HttpError, unavailable } from './errors.js'
import type {
  CheckEnd,
  CheckStart,
  RequestEnd,
  RequestStart,
  ServerObserver,
  StreamEnd,
  StreamStart,
} from './observer.js'
import {
  DEFAULT_LIMITS,
  type LimitOptions,
  type LogLine,
  type ReplyOptions,
  readUpstream,
  type ServedGen,
  type ServedStream,
  type ServerOptions,
  type UpstreamOptions,
} from './options.js'
import { Seats } from './sessions/seats.js'

/** A guard that may still be loading. */
export type Loading<G> =
  | { state: 'loading' }
  | { state: 'ready'; guard: G }
  | { state: 'failed'; error: unknown }

/** What all routes of one app share. */
export class Service {
  readonly limits: Required<LimitOptions>
  readonly policy: Policy
  readonly replies: Required<ReplyOptions>
  readonly history: 'error' | 'drop'
  readonly tooLong: 'error' | 'window'
  readonly upstream: (UpstreamOptions & { timeoutMs: number }) | null
  /** Whether callers bring a key of this server's, which is no upstream's business. */
  readonly hasKeys: boolean
  readonly models: { gen: string; stream: string }
  /** Places in Stream's engine that sessions may keep: half of them, so that there is always room for others. */
  readonly seats: Seats
  /** Aborts when the app closes. */
  readonly closing: AbortSignal
  readonly #tellsContent =
    process.env.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT?.toLowerCase() === 'true'
  readonly #close = new AbortController()
  readonly #options: ServerOptions
  readonly #gen: { current: Loading<ServedGen> } | null
  readonly #stream: { current: Loading<ServedStream> } | null
  readonly #observers: ServerObserver[]
  readonly #onClose = new Set<() => Promise<void> | void>()

  /** @param options checked by `checkServerOptions` */
  constructor(options: ServerOptions) {
    this.#options = options
    this.#observers = [...(options.observers ?? [])]
    this.limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.policy = structuredClone(options.policy ?? {})
    this.replies = {
      holdBack: 'token',
      toolCalls: 'judge',
      media: 'block',
      passFields: [],
      ...options.replies,
    }
    this.history = options.history ?? 'error'
    this.tooLong = options.tooLong ?? 'error'
    this.upstream = options.upstream === undefined ? null : readUpstream(options.upstream)
    this.hasKeys = (options.keys ?? []).length > 0
    this.models = { gen: 'qwen3guard-gen', stream: 'qwen3guard-stream', ...options.models }
    this.closing = this.#close.signal
    setMaxListeners(0, this.closing)
    this.seats = new Seats(() => Math.floor(this.stream().stats().maxSequences / 2), this.limits.queueMs)
    this.#gen = follow(options.gen)
    this.#stream = follow(options.stream)
  }

  /** Of Gen; null where the server has none. */
  get genState(): Loading<ServedGen> | null {
    return this.#gen?.current ?? null
  }

  /** Of Stream; null where the server has none. */
  get streamState(): Loading<ServedStream> | null {
    return this.#stream?.current ?? null
  }

  /** @throws HttpError: 503 while it loads or where that failed, 501 where the server has none */
  gen(): ServedGen {
    return ready(this.genState, 'Gen', '--gen')
  }

  /** @throws as `gen` */
  stream(): ServedStream {
    return ready(this.streamState, 'Stream', '--stream')
  }

  /** Called before something takes a place in Stream's engine for itself: an idle session makes room where there is none. */
  async makeRoom(): Promise<void> {
    const { openSequences, maxSequences, queued } = this.stream().stats()
    if (queued > 0 || openSequences >= maxSequences) await this.seats.parkOne()
  }

  /** Adds an observer of the server's own. */
  watch(observer: ServerObserver): void {
    this.#observers.push(observer)
  }

  onRequest(start: RequestStart): (end: RequestEnd) => void {
    return this.#told('onRequest', start)
  }

  onCheck({ messages, ...start }: CheckStart): (end: CheckEnd) => void {
    const told = this.#tellsContent && messages ? { ...start, messages } : start
    return this.#told('onCheck', told)
  }

  onStream(start: StreamStart): (end: StreamEnd) => void {
    return this.#told('onStream', start)
  }

  /** What the caller adds to `/metrics`. */
  async moreMetrics(): Promise<string> {
    try {
      return (await this.#options.moreMetrics?.()) ?? ''
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.log({ level: 'error', message: `moreMetrics failed: ${reason}` })
      return ''
    }
  }

  log(line: Omit<LogLine, 'time'>): void {
    attempt(() => this.#options.onLog?.({ ...line, time: new Date().toISOString() }))
  }

  /** Called once when the app closes. */
  beforeClose(task: () => Promise<void> | void): void {
    this.#onClose.add(task)
  }

  async close(): Promise<void> {
    this.#close.abort(unavailable('The server is closing', 'unavailable'))
    const tasks = [...this.#onClose]
    this.#onClose.clear()
    await Promise.all(tasks.map((task) => task()))
  }

  #told<Start, End>(name: 'onRequest' | 'onCheck' | 'onStream', start: Start): (end: End) => void {
    const ends: ((end: End) => void)[] = []
    for (const observer of this.#observers) {
      attempt(() => {
        const end = (
          observer[name] as ((start: Start) => ((end: End) => void) | undefined) | undefined
        )?.call(observer, start)
        if (end) ends.push(end)
      })
    }
    return (end) => {
      for (const one of ends) attempt(() => one(end))
    }
  }
}

/** An id of a response or session, in OpenAI's way. */
export function newId(prefix: string): string {
  return `${prefix}-${randomUUID().replaceAll('-', '')}`
}

/** Seconds since 1970, as OpenAI's responses have them. */
export function now(): number {
  return Math.floor(Date.now() / 1000)
}

function follow<G>(given: G | Promise<G> | undefined): { current: Loading<G> } | null {
  if (given === undefined) return null
  if (!(given instanceof Promise)) return { current: { state: 'ready', guard: given } }
  const followed: { current: Loading<G> } = { current: { state: 'loading' } }
  given.then(
    (guard) => {
      followed.current = { state: 'ready', guard }
    },
    (error: unknown) => {
      followed.current = { state: 'failed', error }
    },
  )
  return followed
}

function ready<G>(loading: Loading<G> | null, name: 'Gen' | 'Stream', flag: string): G {
  if (loading?.state === 'ready') return loading.guard
  if (loading?.state === 'loading') throw unavailable(`The ${name} model is still loading`, 'loading')
  if (loading)
    throw unavailable(`The ${name} model could not be loaded`, 'guard_failed', 10_000, loading.error)
  throw new HttpError({
    status: 501,
    message: `This server has no ${name} model: start it with ${flag}`,
    code: 'model_missing',
  })
}

/** An observer's mistake is nobody else's. */
function attempt(call: () => void): void {
  try {
    call()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    process.emitWarning(`an observer or log of the server failed: ${reason}`, { code: 'QWEN3GUARD_OBSERVER' })
  }
}
