import { EventSourceParserStream } from 'eventsource-parser/stream'
import { GuardBusyError, GuardError, GuardUnavailableError } from '../../errors.js'
import type { Policy } from '../../policy.js'
import type { ModerationEvent } from '../../stream/events.js'
import { NOT_JUDGED } from '../../stream/moderate.js'
import type { HoldBack } from '../../stream/release.js'
import { ReplySource, type ReplyStream } from '../../stream/reply/source.js'
import type { Message } from '../../types.js'
import { nobody, type Server, type ServerPool, Unreachable } from './server-pool.js'

/** Options of `GuardClient.moderate`. */
export interface LiveReplyOptions {
  /** As for `moderate`. Where no server is left, nothing more is released, whatever `onFailure` says. */
  policy?: Policy
  /** As for `moderate`. */
  holdBack?: HoldBack
  /** Whether there is an event for each token. Default false. */
  tokens?: boolean
  /** Whether the reply begins with reasoning. */
  reasoning?: boolean
  /** What a server may take for an answer. Default: the client's. */
  timeoutMs?: number
  signal?: AbortSignal
}

/** A session on one server, and how far its events were read. */
interface Session {
  server: Server
  path: string
  events: AsyncIterator<ModerationEvent>
  /** Text of its events, in UTF-16 units. */
  released: number
  /** Of the reply, what it was sent. */
  sent: number
  stop(): void
}

interface Step {
  released: number
  action: string
}

/**
 * Moderates a reply on a server of the pool, which stays the same for it. When that server is lost, another judges the text so
 * far again, and goes on: what was released already is not released twice, and nothing is released that no server has judged.
 */
export async function* stickyReply(
  pool: ServerPool,
  messages: readonly Message[],
  reply: ReplyStream,
  options: LiveReplyOptions & { timeoutMs: number },
): AsyncGenerator<ModerationEvent, void, undefined> {
  const { signal } = options
  const source = new ReplySource(reply, signal)
  const sticky = new StickyReply(pool, messages, options)
  try {
    yield* sticky.begin()
    while (!sticky.ended) {
      const text = await source.read()
      yield* text === null ? sticky.end() : sticky.push(text)
    }
  } finally {
    source.stop()
    sticky.leave()
  }
}

class StickyReply {
  readonly #pool: ServerPool
  readonly #messages: readonly Message[]
  readonly #options: LiveReplyOptions & { timeoutMs: number }
  readonly #tried = new Set<Server>()
  #session: Session | null = null
  #text = ''
  #atEnd = false
  /** What was yielded: text in units, tokens, flags, slides, and whether the prompt. */
  #released = 0
  #tokens = 0
  readonly #said = new Set<string>()
  ended = false

  constructor(
    pool: ServerPool,
    messages: readonly Message[],
    options: LiveReplyOptions & { timeoutMs: number },
  ) {
    this.#pool = pool
    this.#messages = messages
    this.#options = options
  }

  begin(): AsyncGenerator<ModerationEvent> {
    return this.#step()
  }

  push(text: string): AsyncGenerator<ModerationEvent> {
    this.#text += text
    return this.#step()
  }

  end(): AsyncGenerator<ModerationEvent> {
    this.#atEnd = true
    return this.#step()
  }

  leave(): void {
    const session = this.#session
    this.#session = null
    if (!session) return
    if (this.ended) session.stop()
    else forget(session)
  }

  /** Brings a server up to the text so far, and yields what that gives; another server where one is lost. */
  async *#step(): AsyncGenerator<ModerationEvent> {
    const errors: unknown[] = []
    while (!this.ended) {
      try {
        this.#session ??= await this.#open(errors)
        yield* this.#advance(this.#session)
        this.#tried.clear()
        return
      } catch (error) {
        this.#options.signal?.throwIfAborted()
        if (error instanceof TypeError) throw error
        const lost = this.#session
        this.#session = null
        if (lost) {
          if (isTimeout(error)) lost.server.failed()
          forget(lost)
          this.#tried.add(lost.server)
          errors.push(error)
          continue
        }
        yield* this.#fail(error)
      }
    }
  }

  /** @throws what nobody's answer says */
  async #open(errors: unknown[]): Promise<Session> {
    const { policy, holdBack, reasoning } = this.#options
    const body = {
      messages: this.#messages,
      ...(policy && { policy }),
      ...(holdBack !== undefined && { hold_back: holdBack }),
      ...(reasoning !== undefined && { reasoning }),
    }
    while (true) {
      const server = this.#pool.pick(this.#tried)
      if (server === null) throw nobody(errors)
      try {
        const response = await server.send('POST', '/v1/live', body, this.#limit())
        const { id } = (await server.json(response)) as { id: string }
        const path = `/v1/live/${encodeURIComponent(id)}`
        const stop = new AbortController()
        const { signal } = this.#options
        const reading = signal ? AbortSignal.any([stop.signal, signal]) : stop.signal
        const events = await server.send('GET', `${path}/events`, undefined, reading)
        // A session is work that the server has.
        server.inFlight += 1
        return {
          server,
          path,
          events: eventsOf(events, server),
          released: 0,
          sent: 0,
          stop: () => {
            if (!stop.signal.aborted) server.inFlight -= 1
            stop.abort()
          },
        }
      } catch (error) {
        this.#options.signal?.throwIfAborted()
        if (error instanceof TypeError) throw error
        if (isTimeout(error)) server.failed()
        errors.push(error)
        this.#tried.add(server)
      }
    }
  }

  async *#advance(session: Session): AsyncGenerator<ModerationEvent> {
    if (session.sent === 0 && !this.#said.has(`opened ${session.path}`)) {
      this.#said.add(`opened ${session.path}`)
      // The prompt's verdict, which may end it.
      const first = await this.#next(session)
      yield* this.#fresh(session, first)
      if (first.type === 'prompt' && first.action === 'block') yield* this.#rest(session)
      if (this.ended) return
    }
    const text = this.#text.slice(session.sent)
    if (text === '' && !this.#atEnd) return
    const body = { text, at: session.sent, ...(this.#atEnd && { end: true }) }
    const response = await session.server.send('POST', `${session.path}/text`, body, this.#limit())
    const { released, action } = (await session.server.json(response)) as Step
    session.sent += text.length
    if (this.#atEnd || action === 'block') return yield* this.#rest(session)
    while (session.released < released && !this.ended) yield* this.#fresh(session, await this.#next(session))
  }

  /** All events to the end. */
  async *#rest(session: Session): AsyncGenerator<ModerationEvent> {
    while (!this.ended) yield* this.#fresh(session, await this.#next(session))
  }

  async #next({ events, server }: Session): Promise<ModerationEvent> {
    let timer: NodeJS.Timeout | undefined
    const { timeoutMs } = this.#options
    const late = new Promise<never>((_, reject) => {
      const error = new Unreachable(`${server.url} has not gone on within ${timeoutMs} ms`)
      timer = setTimeout(() => reject(error), timeoutMs)
    })
    try {
      const { done, value } = await Promise.race([events.next(), late])
      if (done) throw new Unreachable(`${server.url} broke off`)
      return value
    } finally {
      clearTimeout(timer)
    }
  }

  /** The event, or what of it was not yielded before. */
  *#fresh(session: Session, event: ModerationEvent): Generator<ModerationEvent> {
    if (event.type === 'text') {
      session.released += event.text.length
      const text = event.text.slice(Math.max(0, event.text.length - (session.released - this.#released)))
      if (session.released <= this.#released) return
      this.#released = session.released
      yield { type: 'text', text }
    } else if (event.type === 'token') {
      if (event.verdict.index < this.#tokens) return
      this.#tokens = event.verdict.index + 1
      if (this.#options.tokens) yield event
    } else if (event.type === 'end') {
      this.ended = true
      yield event
    } else {
      const key = keyOf(event)
      if (this.#said.has(key)) return
      this.#said.add(key)
      // What is out is out, should another server have judged it otherwise.
      yield event.type === 'block' ? { ...event, start: Math.max(event.start, this.#released) } : event
    }
  }

  *#fail(error: unknown): Generator<ModerationEvent> {
    this.ended = true
    const known = GuardError.isGuardError(error)
      ? error
      : new GuardUnavailableError('the reply could not be judged', 1000, { cause: error })
    const reason = error instanceof GuardBusyError ? 'overload' : 'failure'
    yield { type: 'block', reason, verdict: null, start: this.#released, error: known }
    yield { type: 'end', verdict: { ...NOT_JUDGED, complete: false }, action: 'block' }
  }

  #limit(): AbortSignal {
    const { signal, timeoutMs } = this.#options
    const limit = AbortSignal.timeout(timeoutMs)
    return signal ? AbortSignal.any([limit, signal]) : limit
  }
}

/** Ends a session that is not over; its server may be gone. */
function forget({ server, path, stop }: Session): void {
  stop()
  server.send('DELETE', path, undefined, AbortSignal.timeout(5000)).then(
    (response) => response.body?.cancel(),
    () => {},
  )
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError'
}

/** What makes an event the same on another server. */
function keyOf(event: ModerationEvent): string {
  if (event.type !== 'flag') return event.type === 'slide' ? `slide ${event.start}` : event.type
  return `flag ${event.verdict?.risk} ${event.verdict?.category}`
}

async function* eventsOf(response: Response, server: Server): AsyncGenerator<ModerationEvent> {
  const { body } = response
  if (!body) throw new Unreachable(`${server.url} sends no events`)
  const texts = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
  try {
    for await (const { event, data } of texts) {
      const value = JSON.parse(data) as ModerationEvent & { error?: { code: string; message: string } }
      if (event === 'error') throw new Unreachable(`${server.url} failed: ${data}`)
      // A guard that fails there may be well elsewhere.
      if (value.type === 'block' && (value.reason === 'failure' || value.reason === 'overload')) {
        throw new Unreachable(`${server.url} could not judge: ${value.error?.message}`)
      }
      yield value
    }
  } catch (error) {
    if (error instanceof Unreachable) throw error
    server.failed()
    throw new Unreachable(`${server.url} broke off: ${(error as Error).message}`, { cause: error })
  }
}
