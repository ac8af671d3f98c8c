import { afterAll, beforeAll } from 'vitest'
import { GenGuard, StreamGuard } from '../../lib/index.js'
import { createApp, type ServerApp, type ServerOptions } from '../../lib/server/index.js'

/** An app over both demonstration models, for the tests of a file. */
export function served(options: ServerOptions | (() => ServerOptions) = {}, sequences = 8) {
  const context = {
    app: undefined as unknown as ServerApp,
    gen: undefined as unknown as GenGuard,
    stream: undefined as unknown as StreamGuard,
    post: (path: string, body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) =>
      post(context.app, path, body, headers, signal),
    get: (path: string, headers: Record<string, string> = {}) =>
      context.app.fetch(new Request(`http://localhost${path}`, { headers })),
  }
  beforeAll(async () => {
    context.gen = await GenGuard.load({ model: 'demo-gen', gpu: false })
    context.stream = await StreamGuard.load({ model: 'demo-stream', gpu: false, maxSequences: sequences })
    const { gen, stream } = context
    context.app = createApp({ gen, stream, ...(typeof options === 'function' ? options() : options) })
  })
  afterAll(async () => {
    await context.app?.close()
    await context.gen?.close()
    await context.stream?.close()
  })
  return context
}

export function post(
  app: ServerApp,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  return app.fetch(
    new Request(`http://localhost${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...(signal && { signal }),
    }),
  )
}

// biome-ignore lint/suspicious/noExplicitAny: an answer is whatever the server wrote; expectations say what.
export type Json = { [name: string]: any }

/** The JSON of a response. */
export async function json(response: Response | Promise<Response>): Promise<Json> {
  return (await (await response).json()) as Json
}

export interface ServerEvent {
  id: string | null
  event: string | null
  data: Json | '[DONE]'
}

/** The server-sent events of a text. */
export function eventsIn(text: string): ServerEvent[] {
  return text
    .split('\n\n')
    .filter((block) => /^data: /mu.test(block))
    .map((block) => {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'mu').exec(block)?.[1] ?? null
      const data = field('data') as string
      return {
        id: field('id'),
        event: field('event'),
        data: data === '[DONE]' ? data : (JSON.parse(data) as Json),
      }
    })
}
