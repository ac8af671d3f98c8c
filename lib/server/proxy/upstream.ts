import { createParser } from 'eventsource-parser'
import type { Served } from '../served.js'
import type { Service } from '../service.js'
import { refusalOf, toldBy, upstreamFault } from './faults.js'

/** UTF-16 units of one event, and of an answer that is not streamed, of which more is not read. */
const MOST = 16 * 2 ** 20
const MOST_OF_ERROR = 64 * 2 ** 10

export type Json = Record<string, unknown>

export interface Question {
  /** Behind the upstream's url, such as `/chat/completions`. */
  path: string
  body: Json
  stream: boolean
  /** Of the client's request. */
  headers: Headers
  /** Whether an event says that the answer is complete, where the stream does not say `[DONE]`. */
  isLast(event: Json): boolean
}

/**
 * The answer of the upstream: its events, or one that is not streamed as the only one. The upstream is asked when the first
 * is asked for and `cleared` says so. Aborting the controller, or returning, stops it.
 *
 * Iterating throws HttpError for whatever is no answer.
 */
export class UpstreamAnswer implements AsyncIterable<Json> {
  readonly controller = new AbortController()
  readonly #service: Service
  readonly #served: Served
  readonly #question: Question
  readonly #cleared: Promise<boolean>
  #timer: NodeJS.Timeout | undefined
  /** Whether the upstream is waited for. */
  #waits = false

  /** @param cleared resolves to false if the upstream is not to be asked at all */
  constructor(service: Service, served: Served, question: Question, cleared: Promise<boolean>) {
    this.#service = service
    this.#served = served
    this.#question = question
    this.#cleared = cleared
  }

  [Symbol.asyncIterator](): AsyncIterator<Json, undefined> {
    const events = this.#read()
    return {
      next: async () => {
        const { done, value } = await events.next()
        return done ? { done: true, value: undefined } : { done: false, value }
      },
      return: async () => {
        this.controller.abort()
        void events.return(undefined).catch(() => {})
        return { done: true, value: undefined }
      },
    }
  }

  async *#read(): AsyncGenerator<Json, void, undefined> {
    if (!(await this.#cleared)) return
    const { stream, isLast } = this.#question
    const response = await this.#ask()
    const type = (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
    const wanted = stream ? 'text/event-stream' : 'application/json'
    if (type !== wanted) {
      this.controller.abort()
      throw upstreamFault(
        `The upstream answered with the content type ${JSON.stringify(type ?? '')}, expected ${wanted}`,
        'upstream_invalid',
      )
    }
    if (stream) yield* eventsOf(this.#textOf(response), isLast)
    else yield objectOf(await wholeOf(this.#textOf(response), MOST), 'The answer of the upstream')
  }

  async #ask(): Promise<Response> {
    const { url, key } = this.#service.upstream as NonNullable<Service['upstream']>
    const { path, body, headers } = this.#question
    let response: Response
    try {
      response = await this.#within(
        fetch(`${url}${path}`, {
          method: 'POST',
          body: JSON.stringify(body),
          headers: this.#headers(headers),
          signal: this.controller.signal,
          // It could be anybody's, and would be sent the key.
          redirect: 'manual',
        }),
      )
    } catch (error) {
      throw this.#asFault(error, 'could not be reached', 'upstream_unreachable')
    }
    if (response.status === 200) return response
    const read = () => wholeOf(this.#textOf(response), MOST_OF_ERROR)
    throw await refusalOf(response, key !== undefined, read)
  }

  #headers(given: Headers): Headers {
    const { key } = this.#service.upstream as NonNullable<Service['upstream']>
    const headers = new Headers({
      'content-type': 'application/json',
      accept: this.#question.stream ? 'text/event-stream' : 'application/json',
      'x-request-id': this.#served.id,
    })
    for (const name of [
      'openai-organization',
      'openai-project',
      'openai-beta',
      'traceparent',
      'tracestate',
    ]) {
      const value = given.get(name)
      if (value !== null) headers.set(name, value)
    }
    const callers = this.#service.hasKeys ? null : given.get('authorization')
    if (key !== undefined) headers.set('authorization', `Bearer ${key}`)
    else if (callers !== null) headers.set('authorization', callers)
    return headers
  }

  async *#textOf(response: Response): AsyncGenerator<string, void, undefined> {
    const decoder = new TextDecoder('utf-8', { fatal: true })
    const reader = response.body?.getReader()
    if (!reader) return
    try {
      while (true) {
        const { done, value } = await this.#within(reader.read())
        if (done) break
        yield decoder.decode(value as Uint8Array, { stream: true })
      }
      yield decoder.decode()
    } catch (error) {
      throw this.#asFault(error, 'broke off', 'upstream_incomplete')
    } finally {
      clearTimeout(this.#timer)
      reader.cancel().catch(() => {})
    }
  }

  /** What the upstream promises, if it comes in time. One timer serves all pieces of an answer: they are many. */
  async #within<T>(promise: Promise<T>): Promise<T> {
    const { timeoutMs } = this.#service.upstream as NonNullable<Service['upstream']>
    this.#waits = true
    if (this.#timer) this.#timer.refresh()
    else this.#timer = setTimeout(() => this.#onSilence(timeoutMs), timeoutMs).unref()
    try {
      return await promise
    } finally {
      this.#waits = false
    }
  }

  #onSilence(timeoutMs: number): void {
    // Where it is not the upstream that is waited for, the next wait sets the timer again.
    this.#timer = undefined
    if (!this.#waits) return
    this.controller.abort(
      upstreamFault(`The upstream was silent for ${timeoutMs} ms`, 'upstream_timeout', 504),
    )
  }

  #asFault(error: unknown, what: string, code: string): unknown {
    const { signal } = this.controller
    if (signal.aborted) return signal.reason
    const { cause, message } = error as Error & { cause?: { code?: string } }
    const reason = cause?.code ?? message
    return upstreamFault(`The upstream ${what} (${reason})`, code, 502, error)
  }
}

async function wholeOf(texts: AsyncIterable<string>, most: number): Promise<string> {
  let whole = ''
  for await (const text of texts) {
    whole += text
    if (whole.length > most) {
      throw upstreamFault(`The upstream's answer has more than ${most} characters`, 'upstream_invalid')
    }
  }
  return whole
}

/** The JSON of server-sent events up to `[DONE]`. */
async function* eventsOf(
  texts: AsyncIterable<string>,
  isLast: (event: Json) => boolean,
): AsyncGenerator<Json> {
  // In the order in which they came: nothing behind a fault is an event.
  const waiting: ({ data: string } | { fault: string })[] = []
  const parser = createParser({
    maxBufferSize: MOST,
    onEvent: ({ data }) => waiting.push({ data }),
    onError: ({ type }) => {
      const isLong = type === 'max-buffer-size-exceeded'
      waiting.push({ fault: isLong ? `an event of more than ${MOST} characters` : 'a line that is none' })
    },
  })
  let isComplete = false
  let isCut = false
  for await (const text of texts) {
    parser.feed(text)
    // Whether what came last was left within an event.
    if (text !== '') isCut = !/\n\r?\n\s*$|\r\r\s*$/.test(text) && !/^\s*$/.test(text)
    for (const line of waiting.splice(0)) {
      if ('fault' in line) {
        throw upstreamFault(
          `Expected server-sent events of the upstream, got ${line.fault}`,
          'upstream_invalid',
        )
      }
      const { data } = line
      if (data.trim() === '[DONE]') return
      const event = objectOf(data, 'An event of the upstream')
      if (event.error != null && event.choices === undefined && event.type === undefined)
        throw failure(event.error)
      isComplete ||= isLast(event)
      yield event
    }
  }
  if (isCut || !isComplete)
    throw upstreamFault("The upstream's stream ended before its answer did", 'upstream_incomplete')
}

function failure(error: unknown) {
  const { message } = toldBy(error)
  return upstreamFault(`The upstream failed${message === null ? '' : `: ${message}`}`, 'upstream_failed')
}

function objectOf(text: string, what: string): Json {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw upstreamFault(`${what} is not JSON`, 'upstream_invalid', 502, cause)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw upstreamFault(`${what} is no JSON object`, 'upstream_invalid')
}
