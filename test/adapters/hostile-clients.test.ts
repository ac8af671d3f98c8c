import { once } from 'node:events'
import { createServer, request as httpRequest, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { StreamGuard } from '../../lib/index.js'
import { BLOCKED_PROMPT, HARMFUL, HARMLESS, PROMPT, pieces } from '../support/replies.js'

type Handler = (request: Request) => Promise<Response>
type Example = Record<string, (guard: StreamGuard, model: unknown) => unknown>

/** The examples as they stand in the documentation. */
async function example(name: string): Promise<Example> {
  return (await import(new URL(`../../docs/examples/${name}.mjs`, import.meta.url).href)) as Example
}

let guard: StreamGuard
let unhandled: unknown[]
const onUnhandled = (error: unknown) => unhandled.push(error)

beforeAll(async () => {
  guard = await StreamGuard.load({ model: 'demo', gpu: false })
})
afterAll(() => guard?.close())

beforeEach(() => {
  unhandled = []
  // The examples say what they could not answer.
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  for (const event of ['unhandledRejection', 'uncaughtException'] as const) process.on(event, onUnhandled)
})
afterEach(async () => {
  vi.restoreAllMocks()
  // What nobody handles is told after the turn that left it.
  await new Promise((resolve) => setTimeout(resolve, 20))
  for (const event of ['unhandledRejection', 'uncaughtException'] as const) process.off(event, onUnhandled)
  expect(unhandled).toEqual([])
  await expect.poll(() => guard.stats().openSequences).toBe(0)
})

const chunk = (content: string) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'test',
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
})

/** A client of OpenAI's SDK, as far as the example uses it. */
const openai = {
  chat: {
    completions: {
      create: async () => Readable.from(pieces(HARMLESS).map(chunk)),
    },
  },
}

/** Examples for node:http: their listener, a body that they answer, and whether it is JSON. */
const LISTENERS: [name: string, json: boolean, body: unknown][] = [
  ['http-server', true, { messages: [{ role: 'user', content: PROMPT }] }],
  ['node-streams', false, PROMPT],
  ['openai', true, { messages: [{ role: 'user', content: PROMPT }] }],
]

async function serverOf(name: string): Promise<Server> {
  const module = await example(name)
  const chat = () => Readable.from(pieces(HARMLESS))
  if (name === 'http-server')
    return (module.chatServer as NonNullable<unknown> as (g: StreamGuard, c: unknown) => Server)(guard, chat)
  const listener = name === 'openai' ? module.proxyTo?.(guard, openai) : module.answerWith?.(guard, chat)
  return createServer(listener as RequestListener)
}

describe.each(LISTENERS)('the server of docs/examples/%s.mjs', (name, json, body) => {
  let server: Server
  let url: string
  let port: number
  const text = typeof body === 'string' ? body : JSON.stringify(body)

  beforeAll(async () => {
    server = await serverOf(name)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    port = (server.address() as AddressInfo).port
    url = `http://127.0.0.1:${port}/v1/chat/completions`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const answers = async () => {
    const response = await fetch(url, { method: 'POST', body: text })
    expect(response.status).toBe(200)
    const answer = await response.text()
    // OpenAI's events hold the text in pieces.
    const said = [...answer.matchAll(/"content":"([^"]*)"/g)].map(([, piece]) => piece).join('')
    expect(name === 'openai' ? said : answer).toBe(HARMLESS)
  }

  it('goes on after a client that leaves in the middle of its body', async () => {
    for (const head of [
      'Content-Length: 100\r\n\r\nabc',
      'Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n',
    ]) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      const arrived = once(server, 'request')
      socket.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n${head}`)
      await arrived
      socket.destroy()
    }
    await answers()
  })

  it('goes on after a client that leaves in the middle of its answer', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    )
    await once(socket, 'data')
    socket.destroy()
    await answers()
  })

  it.runIf(json)('refuses what is no JSON, and JSON that is no conversation', async () => {
    const sent = name === 'openai' ? ['not json', ''] : ['not json', '', 'null', '{"messages":5}', '[]']
    for (const body of sent) expect((await fetch(url, { method: 'POST', body })).status).toBe(400)
    await answers()
  })

  it('refuses a body without end as soon as it is too long', async () => {
    const request = httpRequest(url, { method: 'POST' })
    // A client that goes on writing may see the connection closed before it has read why.
    const answered = new Promise<number | null>((resolve) => {
      request.on('error', () => resolve(null))
      request.on('response', (response) => resolve(response.resume().statusCode ?? 0))
    })
    const endless = setInterval(() => request.destroyed || request.write('x'.repeat(50_000)), 1)
    try {
      expect([413, null]).toContain(await answered)
    } finally {
      clearInterval(endless)
      request.destroy()
    }
    await answers()
  })
})

it('the server of docs/examples/http-server.mjs releases nothing that the guard blocks', async () => {
  const { chatServer } = await example('http-server')
  const server = chatServer?.(guard, () => Readable.from(pieces(HARMLESS + HARMFUL))) as Server
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const ask = async (content: string) => {
    const body = JSON.stringify({ messages: [{ role: 'user', content }] })
    return await (await fetch(url, { method: 'POST', body })).text()
  }
  expect(await ask(BLOCKED_PROMPT)).toBe('\n[The rest of this reply was withheld.]')
  const answer = await ask(PROMPT)
  expect(answer.startsWith(HARMLESS)).toBe(true)
  expect(answer.endsWith('[The rest of this reply was withheld.]')).toBe(true)
  expect(answer).not.toContain(HARMFUL)
  server.closeAllConnections()
  server.close()
})

describe.each([
  ['web-streams', 'answerWith'],
  ['ai-sdk', 'chatWith'],
])('the handler of docs/examples/%s.mjs', (name, of) => {
  const post = (body: ReadableStream | string) =>
    new Request('http://localhost/', { method: 'POST', body, duplex: 'half' } as RequestInit)
  const handle = async (body: ReadableStream | string) => {
    const handler = (await example(name))[of]?.(guard, () => ReadableStream.from(pieces(HARMLESS))) as Handler
    return (await handler(post(body))).status
  }

  it('answers a client that leaves in the middle of its body, as far as there is one to answer', async () => {
    let sent = false
    const leaving = new ReadableStream({
      pull(controller) {
        if (sent) controller.error(new Error('the client left'))
        else controller.enqueue(new TextEncoder().encode('{"mess'))
        sent = true
      },
    })
    expect(await handle(leaving)).toBe(400)
  })

  it('refuses a body without end as soon as it is too long', async () => {
    let stopped = false
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('x'.repeat(50_000))),
      cancel: () => {
        stopped = true
      },
    })
    expect(await handle(endless)).toBe(413)
    expect(stopped).toBe(true)
  })

  it.runIf(name === 'ai-sdk')('refuses what is no JSON, and JSON that is no conversation', async () => {
    for (const body of ['not json', '', 'null', '{"messages":5}']) expect(await handle(body)).toBe(400)
  })
})
