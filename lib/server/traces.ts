import { createRequire } from 'node:module'
import type { Attributes, Context, Span, SpanOptions, Tracer } from '@opentelemetry/api'
import { GuardError } from '../errors.js'
import type { Message } from '../types.js'
import { HttpError } from './errors.js'
import type {
  CheckEnd,
  CheckStart,
  RequestEnd,
  RequestStart,
  ServerObserver,
  StreamEnd,
  StreamStart,
} from './observer.js'

type Api = typeof import('@opentelemetry/api')

/** Whoever shares the process with us may have it; nobody must. */
function findApi(): Api | null {
  try {
    return createRequire(import.meta.url)('@opentelemetry/api') as Api
  } catch {
    return null
  }
}

/** Of OpenTelemetry's error status. */
const ERROR = 2
const [INTERNAL, SERVER] = [0, 1]

/**
 * Spans of requests, checks and streams, by OpenTelemetry's API: without an SDK that takes them they are nothing. A request's span
 * continues the trace that its headers name. Verdicts are attributes and a `gen_ai.evaluation.result` event of
 * the generative-AI conventions, which are still in development. No text is in a span, unless the environment asks for it
 * (`CheckStart.messages`).
 */
export class Traces implements ServerObserver {
  readonly #api = findApi()
  /** Of the requests in work, by id, for the spans of what they ask for. */
  readonly #requests = new Map<string, Context>()

  onRequest({ id, method, headers }: RequestStart): ((end: RequestEnd) => void) | undefined {
    const api = this.#api
    if (!api) return undefined
    const carrier = {
      keys: () => [...headers.keys()],
      get: (_: unknown, key: string) => headers.get(key) ?? undefined,
    }
    const parent = api.propagation.extract(api.ROOT_CONTEXT, headers, carrier)
    const span = this.#start(
      `${method}`,
      { kind: SERVER, attributes: { 'http.request.method': method } },
      parent,
    )
    if (!span) return undefined
    this.#requests.set(id, api.trace.setSpan(parent, span))
    return ({ route, status, error }) => {
      this.#requests.delete(id)
      if (route !== null) {
        span.updateName(`${method} ${route}`)
        span.setAttribute('http.route', route)
      }
      span.setAttribute('http.response.status_code', status)
      if (status >= 500) {
        span.setAttribute('error.type', error ?? String(status))
        span.setStatus({ code: ERROR })
      }
      span.end()
    }
  }

  onCheck({ kind, of, request, messages }: CheckStart): ((end: CheckEnd) => void) | undefined {
    const attributes: Attributes = {
      'qwen3guard.guard': kind,
      'qwen3guard.of': of,
      ...(messages && { 'gen_ai.input.messages': JSON.stringify(messages.map(inConvention)) }),
    }
    const span = this.#start('qwen3guard.check', { kind: INTERNAL, attributes }, this.#of(request))
    if (!span) return undefined
    return (end) => {
      if ('error' in end) failed(span, end.error)
      else judged(span, end)
      span.end()
    }
  }

  onStream({ of, request }: StreamStart): ((end: StreamEnd) => void) | undefined {
    const attributes: Attributes = { 'qwen3guard.stream.of': of }
    const span = this.#start('qwen3guard.stream', { kind: INTERNAL, attributes }, this.#of(request))
    if (!span) return undefined
    return ({ action, received, released }) => {
      span.setAttributes({
        'qwen3guard.action': action,
        'qwen3guard.stream.received': received,
        'qwen3guard.stream.released': released,
      })
      if (action === 'error') span.setStatus({ code: ERROR })
      span.end()
    }
  }

  #of(request: string | null): Context | undefined {
    return request === null ? undefined : this.#requests.get(request)
  }

  #start(name: string, options: SpanOptions, context?: Context): Span | null {
    if (!this.#api) return null
    // Asked for each time: an SDK may be registered after the server.
    const tracer: Tracer = this.#api.trace.getTracer('qwen3guard')
    return tracer.startSpan(name, options, context ?? this.#api.ROOT_CONTEXT)
  }
}

/** A message as the conventions have it. */
function inConvention({ role, content, reasoning }: Message): object {
  const parts = [
    ...(reasoning === undefined ? [] : [{ type: 'reasoning', content: reasoning }]),
    { type: 'text', content },
  ]
  return { role, parts }
}

function judged(span: Span, end: Extract<CheckEnd, { safety: unknown }>): void {
  const { safety, categories, refusal, action, tokens, model } = end
  span.setAttributes({
    'gen_ai.request.model': model,
    'qwen3guard.safety': safety,
    'qwen3guard.categories': [...categories],
    'qwen3guard.action': action,
    'qwen3guard.tokens': tokens,
    ...(refusal !== null && { 'qwen3guard.refusal': refusal }),
  })
  span.addEvent('gen_ai.evaluation.result', {
    'gen_ai.evaluation.name': 'qwen3guard',
    'gen_ai.evaluation.score.label': safety,
    ...(categories.length > 0 && { 'gen_ai.evaluation.explanation': categories.join(', ') }),
  })
}

function failed(span: Span, error: unknown): void {
  const named = GuardError.isGuardError(error) || error instanceof HttpError ? error.code : null
  const type = named ?? (error instanceof Error ? error.name : 'error')
  span.addEvent('gen_ai.evaluation.result', {
    'gen_ai.evaluation.name': 'qwen3guard',
    'error.type': type,
  })
  span.setAttribute('error.type', type)
  span.setStatus({ code: ERROR })
}
