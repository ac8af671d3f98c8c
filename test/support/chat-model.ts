import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { pieces } from './replies.js'

/** A local server that speaks OpenAI's streamed chat completions. What it says follows from what it is asked. */
export class ChatModel {
  readonly #server = createServer((request, response) => {
    // A client may leave in the middle of its request.
    this.#answer(request, response).catch(() => response.destroy())
  })
  readonly #replies: Readonly<Record<string, string>>
  /** Questions whose reply stays open after its text, until the client goes. */
  readonly #unfinished: ReadonlySet<string>
  /** Such replies that the client has broken off. */
  aborted = 0

  constructor(replies: Readonly<Record<string, string>>, unfinished: readonly string[] = []) {
    this.#replies = replies
    this.#unfinished = new Set(unfinished)
  }

  /** @returns the base URL of the API */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { messages } = (await json(request)) as { messages: { content: string }[] }
    const question = messages.at(-1)?.content ?? ''
    const isUnfinished = this.#unfinished.has(question)
    response.on('close', () => {
      if (isUnfinished) this.aborted += 1
    })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const content of pieces(this.#replies[question] ?? 'I do not know.')) {
      if (response.destroyed) return
      const choices = [{ index: 0, delta: { content }, finish_reason: null }]
      const chunk = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'test', choices }
      response.write(`data: ${JSON.stringify(chunk)}\n\n`)
      await sleep(0)
    }
    if (!isUnfinished) response.end('data: [DONE]\n\n')
  }
}
