import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a server does with a request for a stream. */
export interface Reply {
  events: readonly object[]
  /** Stays silent after the events, until the client goes. Default: ends. */
  silent?: boolean
  /** Breaks the connection after the events. */
  broken?: boolean
}

/** A local server in the manner of OpenAI's: each request gets the next reply as server-sent events. */
export class SseServer {
  readonly #server = createServer((request, response) => void this.#answer(request, response))
  readonly replies: Reply[] = []
  readonly bodies: Record<string, unknown>[] = []
  /** Requests that the client broke off. */
  aborted = 0

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += chunk
    this.bodies.push(JSON.parse(body))
    const reply = this.replies.shift() ?? { events: [] }
    let over = false
    response.on('close', () => {
      if (!over) this.aborted += 1
    })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const event of reply.events) {
      if (response.destroyed) return
      const name = 'type' in event ? `event: ${event.type}\n` : ''
      response.write(`${name}data: ${JSON.stringify(event)}\n\n`)
      await sleep(0)
    }
    if (reply.silent) return
    over = true
    if (reply.broken) response.destroy()
    else response.end('data: [DONE]\n\n')
  }
}
