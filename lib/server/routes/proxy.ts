import type { ForeignInput } from '../../adapters/messages.js'
import { type ChatChunk, moderateChat } from '../../adapters/openai/chat.js'
import { moderateResponse, type ResponseEvent } from '../../adapters/openai/responses.js'
import { HttpError } from '../errors.js'
import { Completion, chunkOf } from '../proxy/completion.js'
import { upstreamFault } from '../proxy/faults.js'
import { type Moderate, ModeratedAnswer } from '../proxy/moderated-answer.js'
import type { Json } from '../proxy/upstream.js'
import { readJson } from '../requests/body.js'
import { CHAT_REQUEST, RESPONSE_REQUEST } from '../schema/proxy.js'
import { valid } from '../schema/validate.js'
import type { App, Call } from '../served.js'
import { now, type Service } from '../service.js'
import { eventStream, sse } from '../sse.js'

const TERMINAL = /^response\.(?:completed|incomplete|failed)$/

/** `POST /v1/chat/completions` and `/v1/responses`: the upstream's answers, moderated as they come. */
export function mountProxy(app: App, service: Service): void {
  app.post('/v1/chat/completions', async (call) => {
    requireUpstream(service)
    const { moderation, ...body } = valid(CHAT_REQUEST, await readJson(call, service.limits))
    const { messages, n } = body
    const moderate: Moderate = (guard, answer, options) =>
      moderateChat(guard, messages as ForeignInput, mapped(answer, body.stream ? null : chunkOf), {
        ...options,
        choices: n ?? 1,
      }) as unknown as AsyncIterator<Json, void, undefined>
    const question = {
      path: '/chat/completions',
      body,
      stream: body.stream === true,
      headers: call.req.raw.headers,
      isLast: finishes(n ?? 1),
    }
    const answer = new ModeratedAnswer(service, call.get('served'), 'chat', 'messages', question, moderate)
    if (question.stream) return await streamChat(call, answer, Boolean(moderation))
    const completion = new Completion()
    for (const chunk of await answer.opening(() => true)) completion.add(chunk)
    return call.json({ ...completion.toJson(), ...(moderation && { moderation: answer.moderation }) })
  })

  app.post('/v1/responses', async (call) => {
    requireUpstream(service)
    const { moderation, ...body } = valid(RESPONSE_REQUEST, await readJson(call, service.limits))
    const moderate: Moderate = (guard, answer, options) =>
      moderateResponse(
        guard,
        body.input as ForeignInput,
        mapped(answer, body.stream ? null : completedOf) as AsyncIterable<ResponseEvent & Json>,
        options,
      )
    const question = {
      path: '/responses',
      body,
      stream: body.stream === true,
      headers: call.req.raw.headers,
      isLast: ({ type }: Json) => TERMINAL.test(String(type)) || type === 'error',
    }
    const answer = new ModeratedAnswer(service, call.get('served'), 'responses', 'input', question, moderate)
    if (question.stream) return await streamResponse(call, answer, Boolean(moderation))
    const events = await answer.opening(() => true)
    if (answer.block)
      throw new HttpError({ status: 500, message: 'The reply was blocked', code: 'internal_error' })
    const { response } = (events.at(-1) ?? {}) as { response?: Json }
    if (!response) throw upstreamFault('The upstream sent no response', 'upstream_invalid')
    return call.json({ ...response, ...(moderation && { moderation: answer.moderation }) })
  })
}

function requireUpstream(service: Service): void {
  if (service.upstream) return
  throw new HttpError({
    status: 404,
    message: 'This server has no upstream whose answers it could moderate: start it with --upstream',
    code: 'no_upstream',
  })
}

async function streamChat(call: Call, answer: ModeratedAnswer, asked: boolean): Promise<Response> {
  const isOpening = (chunk: Json) => {
    const { choices, usage } = chunk as {
      choices: { delta?: Json; finish_reason?: unknown }[]
      usage?: unknown
    }
    if (usage) return false
    return choices.every(
      ({ delta = {}, finish_reason }) =>
        (finish_reason == null || (answer.block !== null && finish_reason === 'content_filter')) &&
        Object.entries(delta).every(([field, value]) => field === 'role' || value === null || value === ''),
    )
  }
  const opening = await answer.opening(isOpening)
  const events = new Events(answer, opening, (chunk) => sse(chunk))
  const { id = 'chatcmpl-qwen3guard', created = now(), model = 'unknown' } = opening[0] ?? {}
  const last = () =>
    asked || answer.block
      ? sse({
          id,
          object: 'chat.completion.chunk',
          created,
          model,
          choices: [],
          moderation: answer.moderation,
        })
      : ''
  return eventStream(
    call,
    events.texts(last, 'data: [DONE]\n\n', (error) => sse(answer.errorOf(error).body)),
  )
}

async function streamResponse(call: Call, answer: ModeratedAnswer, asked: boolean): Promise<Response> {
  const isOpening = ({ type }: Json) =>
    answer.block !== null ||
    /^response\.(?:created|queued|in_progress|output_item\.added|content_part\.added)$/.test(String(type))
  const opening = await answer.opening(isOpening)
  // The `moderation` belongs to the response that ends it.
  const write = (event: Json) => {
    const isLast = TERMINAL.test(String(event.type)) && (asked || answer.block)
    const whole = isLast
      ? { ...event, response: { ...(event.response as Json), moderation: answer.moderation } }
      : event
    return sse(whole, { event: String(event.type) })
  }
  const failed = (error: unknown) => {
    const { message, code, param } = answer.errorOf(error).body.error
    return sse({ type: 'error', code, message, param }, { event: 'error' })
  }
  return eventStream(
    call,
    new Events(answer, opening, write).texts(() => '', '', failed),
  )
}

/** The events of an answer whose head goes out now. */
class Events {
  readonly #answer: ModeratedAnswer
  readonly #opening: Json[]
  readonly #write: (event: Json) => string

  constructor(answer: ModeratedAnswer, opening: Json[], write: (event: Json) => string) {
    this.#answer = answer
    this.#opening = opening
    this.#write = write
  }

  /** The texts of the events, what comes behind them, and the end; of a failure what `failed` says. */
  texts(last: () => string, end: string, failed: (error: unknown) => string): AsyncIterator<string> {
    const texts = this.#all(last, end, failed)
    return {
      next: () => texts.next(),
      // Not behind the event that is waited for.
      return: async () => {
        await this.#answer.stop()
        return await texts.return(undefined)
      },
    }
  }

  async *#all(last: () => string, end: string, failed: (error: unknown) => string): AsyncGenerator<string> {
    try {
      for (const event of this.#opening) yield this.#write(event)
      for (let event = await this.#answer.next(); event !== null; event = await this.#answer.next()) {
        yield this.#write(event)
      }
      const behind = last()
      if (behind !== '') yield behind
    } catch (error) {
      yield failed(error)
    }
    if (end !== '') yield end
  }
}

/** An answer whose only event is made another, that can still be stopped. */
function mapped(answer: AsyncIterable<Json>, map: ((event: Json) => Json) | null): AsyncIterable<ChatChunk> {
  if (!map) return answer as unknown as AsyncIterable<ChatChunk>
  const source = {
    controller: (answer as { controller?: AbortController }).controller,
    async *[Symbol.asyncIterator]() {
      for await (const event of answer) yield map(event)
    },
  }
  return source as unknown as AsyncIterable<ChatChunk>
}

/** A response that is not streamed as the event that ends one. */
function completedOf(response: Json): Json {
  const status = ['completed', 'incomplete', 'failed'].includes(String(response.status))
    ? response.status
    : 'completed'
  return { type: `response.${status}`, response }
}

/** Whether all choices of a completion have finished. */
function finishes(choices: number): (chunk: Json) => boolean {
  const finished = new Set<unknown>()
  return (chunk) => {
    const list = (Array.isArray(chunk.choices) ? chunk.choices : []) as {
      index?: unknown
      finish_reason?: unknown
    }[]
    for (const { index = 0, finish_reason } of list) if (finish_reason != null) finished.add(index)
    return finished.size >= choices
  }
}
