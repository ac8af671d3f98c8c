import { explain, type Policy } from '../../policy.js'
import type { HoldBack } from '../../stream/release.js'
import type { Input } from '../../types.js'
import { badRequest, HttpError, httpError, notFound } from '../errors.js'
import { eventJson } from '../event-json.js'
import { readMessages, readPolicy } from '../judge.js'
import { readJson } from '../requests/body.js'
import { LIVE_POLICY, LIVE_REQUEST, LIVE_TEXT, type LiveRequest } from '../schema/live.js'
import { valid } from '../schema/validate.js'
import type { App, Call, Served } from '../served.js'
import { newId, type Service } from '../service.js'
import { Expiring } from '../sessions/expiring.js'
import { LiveSession } from '../sessions/live-session.js'
import { ReplySession } from '../sessions/reply-session.js'
import { eventStream, sse } from '../sse.js'

/** `/v1/live`: replies that are judged while they are written. docs/server.md has the contract. */
export function mountLive(app: App, service: Service): void {
  const sessions = new Expiring<LiveSession>(service.limits.sessions, service.limits.sessionMs, (session) =>
    session.close(),
  )
  service.beforeClose(() => sessions.clear())
  const sessionOf = (call: Call): LiveSession => {
    const session = sessions.get(call.req.param('id') ?? '')
    if (session) return session
    throw notFound('There is no such session: it was closed, or nobody used it for too long')
  }

  app.post('/v1/live', async (call) => {
    const request = valid(LIVE_REQUEST, await readJson(call, service.limits))
    const session = await opened(service, call.get('served'), request)
    const id = newId('live')
    sessions.set(id, session)
    const { prompt, action, usage } = session.reply
    return call.json(
      {
        id,
        object: 'live.session',
        model: service.models.stream,
        prompt,
        action,
        because: explain(prompt, policyOf(service, request)).because,
        usage,
        expires_in_ms: service.limits.sessionMs,
      },
      201,
    )
  })

  app.get('/v1/live/:id/events', (call) => {
    const session = sessionOf(call)
    const given = call.req.header('last-event-id') ?? call.req.query('after') ?? '0'
    if (!/^\d{1,15}$/.test(given)) throw badRequest('Expected the id of an event, a whole number', 'after')
    return eventStream(call, texts(session, Number(given), call.get('served').signal))
  })

  app.post('/v1/live/:id/text', async (call) => {
    const session = sessionOf(call)
    const { text = '', at, end = false } = valid(LIVE_TEXT, await readJson(call, service.limits))
    if (session.reply.received + text.length > service.limits.bodyBytes) {
      throw new HttpError({
        status: 413,
        message: `A reply of a session has at most ${service.limits.bodyBytes} characters`,
        param: 'text',
        code: 'request_too_large',
      })
    }
    try {
      await session.push(text, at)
      if (end) await session.end()
    } catch (error) {
      throw httpError(error, 'text')
    }
    const { received, released, action } = session.reply
    return call.json({ received, released, action }, 202)
  })

  app.post('/v1/live/:id/policy', async (call) => {
    const session = sessionOf(call)
    const { policy, hold_back = 'token' } = valid(LIVE_POLICY, await readJson(call, service.limits))
    return call.json(session.under(readPolicy(policy as Policy), hold_back as HoldBack))
  })

  app.get('/v1/live/:id', (call) => {
    const { received, released, tokens, action, ended } = sessionOf(call).reply
    return call.json({
      id: call.req.param('id'),
      object: 'live.session',
      model: service.models.stream,
      received,
      released,
      tokens: tokens.length,
      action,
      ended,
    })
  })

  app.delete('/v1/live/:id', (call) => {
    sessionOf(call)
    sessions.delete(call.req.param('id'))
    return call.body(null, 204)
  })
}

function policyOf(service: Service, { policy }: LiveRequest): Policy {
  return policy ? readPolicy(policy as Policy) : service.policy
}

async function opened(service: Service, served: Served, request: LiveRequest): Promise<LiveSession> {
  const { prompt, messages, hold_back, reasoning = false, too_long, history, after_block } = request
  if ((prompt === undefined) === (messages === undefined)) {
    throw badRequest('Expected either `prompt` or `messages`', prompt === undefined ? 'prompt' : 'messages')
  }
  const param = prompt === undefined ? 'messages' : 'prompt'
  const read = readMessages((prompt ?? messages) as Input, param)
  if (read.at(-1)?.role !== 'user') throw badRequest('Expected the last message to be a user message', param)
  const policy = policyOf(service, request)
  const stream = service.stream()
  const since = performance.now()
  const ended = service.onCheck({ kind: 'stream', of: 'prompt', request: served.id, messages: read })
  const closed = service.onStream({ of: 'live', request: served.id })
  try {
    const reply = await ReplySession.open(
      stream,
      read,
      {
        policy,
        holdBack: (hold_back as HoldBack | undefined) ?? service.replies.holdBack,
        judgesOn: after_block === 'judge',
        open: {
          reasoning,
          tooLong: too_long ?? (service.tooLong === 'window' ? 'slide' : 'error'),
          history: history ?? service.history,
          queueTimeoutMs: service.limits.queueMs,
        },
        signal: service.closing,
      },
      service.seats,
    )
    const { prompt: verdict, action, usage } = reply
    const categories = verdict.category === null ? [] : [verdict.category]
    const model = service.models.stream
    const ms = performance.now() - since
    ended({
      ms,
      safety: verdict.safety,
      categories,
      refusal: null,
      action,
      tokens: usage.promptTokens,
      model,
    })
    return new LiveSession(reply, ({ received, released, action, ended: isOver }) =>
      closed({ ms: performance.now() - since, action: isOver ? action : 'aborted', received, released }),
    )
  } catch (error) {
    const ms = performance.now() - since
    ended({ ms, error })
    closed({ ms, action: 'error', received: 0, released: 0 })
    throw httpError(error, param)
  }
}

async function* texts(session: LiveSession, after: number, signal: AbortSignal): AsyncGenerator<string> {
  try {
    for await (const { id, event } of session.read(after, signal)) {
      yield sse(eventJson(event), { event: event.type, id })
    }
  } catch (error) {
    // The head has gone out.
    yield sse(httpError(error).body, { event: 'error' })
  }
}
