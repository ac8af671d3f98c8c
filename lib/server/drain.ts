import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerApp } from './app.js'
import { unavailable } from './errors.js'
import type { Listening } from './listen.js'

/** Milliseconds for connections that have nothing in work, but have begun a request or are still to read a refusal. */
const REST_MS = 1000

/**
 * Ends a server: what is in work ends until the deadline, then it is cut off. So long the server goes on to listen and answers
 * whatever else comes with 503, `/health` too, so that who balances load sees that it is alive and takes no more.
 */
export async function drain(
  { server, inWork }: Listening,
  app: ServerApp,
  deadlineMs: number,
): Promise<void> {
  server.removeAllListeners('request')
  server.on('request', refuse)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), deadlineMs)
  })
  const isLate = (await Promise.race([inWork.ended(), late])) === 'late'
  clearTimeout(timer)
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  await app.close()
  if (isLate) server.closeAllConnections()
  else server.closeIdleConnections()
  // Node looks no more for connections whose request does not come whole.
  const rest = setTimeout(() => server.closeAllConnections(), REST_MS)
  await closed
  clearTimeout(rest)
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  const { url = '' } = request
  request.resume()
  const { body, headers } = unavailable('The server is stopping: ask another, or again', 'unavailable')
  const isHealth = /^\/(?:v1\/)?health(?:\?|$)/.test(url)
  const shown = isHealth
    ? { error: { code: 503, message: 'The server is stopping', type: 'unavailable_error' } }
    : body
  response
    .writeHead(503, { ...headers, 'content-type': 'application/json', connection: 'close' })
    .end(JSON.stringify(shown))
}
