import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll } from 'vitest'

export type Handler = (response: ServerResponse, body: Record<string, unknown>) => void | Promise<void>

interface UpstreamRequest {
  path: string
  headers: IncomingMessage['headers']
  body: Record<string, unknown>
  /** Whether the client broke the answer off. */
  isBrokenOff: boolean
}

/** A server in the place of a model's: the test says how it answers. */
export function upstreamServer() {
  const context = {
    url: '',
    answer: ((response) => void response.end()) as Handler,
    requests: [] as UpstreamRequest[],
  }
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const value = JSON.parse(body) as Record<string, unknown>
    const known = { path: request.url ?? '', headers: request.headers, body: value, isBrokenOff: false }
    context.requests.push(known)
    response.on('close', () => {
      known.isBrokenOff = !response.writableFinished
    })
    await context.answer(response, value)
  })
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    context.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  })
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return context
}

/** Answers with events; then the end, unless told otherwise. */
export function streaming(
  events: readonly unknown[],
  after: (response: ServerResponse) => void = done,
): Handler {
  return async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const event of events) {
      if (response.destroyed) return
      response.write(typeof event === 'string' ? event : `data: ${JSON.stringify(event)}\n\n`)
      await sleep(0)
    }
    after(response)
  }
}

export const done = (response: ServerResponse) => void response.end('data: [DONE]\n\n')

export function answering(value: unknown, status = 200, headers: Record<string, string> = {}): Handler {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof value === 'string' ? value : JSON.stringify(value))
  }
}
