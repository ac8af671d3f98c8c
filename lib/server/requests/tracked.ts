import { matchedRoutes } from 'hono/route'
import { httpError } from '../errors.js'
import type { Call } from '../served.js'
import type { Service } from '../service.js'

/** What is said of a request whose client did not wait for the response. */
const CLIENT_GONE = 499

/** Handles a request and tells those who watch the server of it. */
export async function tracked(call: Call, service: Service, handle: () => Promise<void>): Promise<void> {
  const served = call.get('served')
  const since = performance.now()
  const { method } = call.req
  const ended = service.onRequest({ id: served.id, method, headers: call.req.raw.headers })
  let status = 500
  let code: string | null = null
  served.onDone(() => {
    const isGone = call.req.raw.signal.aborted || served.isGone
    const ms = performance.now() - since
    const route = routeOf(call)
    const end = { route, status: isGone ? CLIENT_GONE : status, ms, error: code }
    ended(end)
    service.log({
      level: end.status >= 500 ? 'error' : 'info',
      message: 'request',
      request_id: served.id,
      method,
      ...(route !== null && { route }),
      status: end.status,
      ms: Math.round(ms * 1000) / 1000,
      ...(code !== null && { error: code }),
    })
  })
  try {
    await handle()
    status = call.res.status
    call.res.headers.set('x-request-id', served.id)
    if (call.error) code = httpError(call.error).code
  } catch (error) {
    const answer = httpError(error)
    status = answer.status
    code = answer.code
    throw error
  } finally {
    served.release()
  }
}

/** The pattern of the route that a request was for. */
function routeOf(call: Call): string | null {
  return matchedRoutes(call).find(({ path }) => path !== '/*' && path !== '*')?.path ?? null
}
