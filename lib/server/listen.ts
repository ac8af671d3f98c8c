import type { Server } from 'node:http'
import { isIP } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { ServerApp } from './app.js'
import { InWork } from './in-work.js'

export interface ListenOptions {
  host: string
  /** 0 takes a free one. */
  port: number
  /** Milliseconds until a request's headers must have come. Default 15000. */
  headersMs?: number
  /** Milliseconds until all of a request must have come, whatever its route allows. Default 120000. */
  requestMs?: number
}

/** How often Node looks for requests that take too long, in milliseconds. */
const CHECK_MS = 2000

/** A server that listens. */
export interface Listening {
  server: Server
  /** Of those that the app answers. */
  inWork: InWork
  /** Such as `http://127.0.0.1:8080`. */
  url: string
}

/** Whether only programs of this machine can reach a host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** Names under which a server that listens on loopback may be addressed. */
export const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]']

/** Serves an app on Node. @throws the system's error, such as EADDRINUSE */
export async function listen(
  app: ServerApp,
  { host, port, headersMs = 15_000, requestMs = 120_000 }: ListenOptions,
): Promise<Listening> {
  const server = createAdaptorServer({
    fetch: (request) => app.fetch(request),
    serverOptions: {
      // Of a header that does not come whole in time, and of a request in all: a reply may take as long as it likes.
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, headersMs),
      maxHeaderSize: 16 * 1024,
    },
  }) as Server
  const inWork = new InWork(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address()
  const actual = typeof address === 'object' && address !== null ? address.port : port
  return { server, inWork, url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${actual}` }
}
