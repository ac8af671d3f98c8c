import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { StreamGuard } from '../../lib/index.js'
import { BLOCKED_PROMPT, HARMFUL, HARMLESS, PROMPT, pieces, released } from '../support/replies.js'
import { SseServer } from '../support/sse-server.js'

type Handler = (request: Request) => Promise<Response>

const NEWER_NODE = Number(process.versions.node.split('.')[0]) >= 22

/** The examples as they stand in the documentation: they import the package by its name. */
async function example<T>(name: string): Promise<T> {
  return (await import(new URL(`../../docs/examples/${name}.mjs`, import.meta.url).href)) as T
}

/** Serves with a listener of node:http until `use` is done. */
async function serving<T>(listener: RequestListener, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

it('the adapters load nothing of the SDKs', () => {
  const directory = new URL('../../dist/adapters/', import.meta.url)
  const programs = readdirSync(directory, { encoding: 'utf8', recursive: true })
    .filter((name) => name.endsWith('.js'))
    .map((name) => name.replaceAll('\\', '/'))
  expect(programs).toContain('ai-sdk/index.js')
  for (const name of programs) {
    const imports = readFileSync(new URL(name, directory), 'utf8').matchAll(
      /\bfrom ['"](.+?)['"]|\bimport\(/g,
    )
    for (const [, from] of imports) expect(from).toMatch(/^(\.|node:)/)
  }
})

describe('the examples', () => {
  let guard: StreamGuard
  let harmful: string

  beforeAll(async () => {
    guard = await StreamGuard.load({ model: 'demo' })
    harmful = await released(guard, HARMLESS + HARMFUL)
  })
  afterAll(() => guard?.close())

  /** What the examples' own console.warn was given. */
  let warned: unknown[][]
  beforeEach(() => {
    warned = []
    vi.spyOn(console, 'warn').mockImplementation((...words) => warned.push(words))
  })
  afterEach(() => vi.restoreAllMocks())

  const post = (body: string) => new Request('http://localhost/', { method: 'POST', body })

  it('for Web Streams answers as far as it may', async () => {
    const { answerWith } = await example<{ answerWith(guard: StreamGuard, chat: unknown): Handler }>(
      'web-streams',
    )
    const chat = (text: string) => () => ReadableStream.from(pieces(text))
    const passed = await answerWith(guard, chat(HARMLESS))(post(PROMPT))
    expect(await passed.text()).toBe(HARMLESS)
    const blocked = await answerWith(guard, chat(HARMLESS + HARMFUL))(post(PROMPT))
    expect(await blocked.text()).toBe(`${harmful}\n[The rest of this reply was withheld.]`)
    expect(warned).toEqual([['blocked:', 'reply', expect.any(String)]])
  })

  it('for Node streams answers as far as it may', async () => {
    const { answerWith } = await example<{ answerWith(guard: StreamGuard, chat: unknown): RequestListener }>(
      'node-streams',
    )
    const chat = (question: string) =>
      Readable.from(
        pieces(question === PROMPT ? HARMLESS + HARMFUL : HARMLESS).map((piece) => Buffer.from(piece)),
      )
    const answers = await serving(answerWith(guard, chat), async (url) => {
      const ask = async (body: string) => await (await fetch(url, { method: 'POST', body })).text()
      return [await ask('What is the weather in Paris?'), await ask(PROMPT)]
    })
    expect(answers).toEqual([HARMLESS, `${harmful}\n[The rest of this reply was withheld.]`])
  })

  it('for the OpenAI SDK is a server to its clients', async () => {
    const { proxyTo } = await example<{ proxyTo(guard: StreamGuard, client: unknown): RequestListener }>(
      'openai',
    )
    const { OpenAI } = await import('openai-6')
    const server = new SseServer()
    const client = new OpenAI({ apiKey: 'none', baseURL: await server.listen(), maxRetries: 0 })
    await serving(proxyTo(guard, client), async (url) => {
      const other = new OpenAI({ apiKey: 'none', baseURL: `${url}/v1`, maxRetries: 0 })
      const chunk = (delta: object, finish_reason: string | null = null) => ({
        id: 'chatcmpl-1',
        object: 'chat.completion.chunk',
        created: 1,
        model: 'test',
        choices: [{ index: 0, delta, finish_reason }],
      })
      server.replies.push({
        events: [
          chunk({ role: 'assistant', content: '' }),
          ...pieces(HARMLESS + HARMFUL).map((content) => chunk({ content })),
        ],
        silent: true,
      })
      const completion = await other.chat.completions
        .stream({ model: 'test', messages: [{ role: 'user', content: PROMPT }] })
        .finalChatCompletion()
      expect(completion.choices).toMatchObject([
        { message: { content: harmful }, finish_reason: 'content_filter' },
      ])
      expect(server.bodies[0]).toMatchObject({ stream: true, messages: [{ content: PROMPT }] })

      const response = { id: 'resp_1', object: 'response', status: 'in_progress', output: [] }
      server.replies.push({
        events: [{ type: 'response.created', sequence_number: 0, response }],
        silent: true,
      })
      const final = await other.responses.stream({ model: 'test', input: BLOCKED_PROMPT }).finalResponse()
      expect(final).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'content_filter' } })
    })
    await server.close()
    await expect.poll(() => guard.stats().openSequences).toBe(0)
  })

  it.runIf(NEWER_NODE)('for the AI SDK answers an interface', async () => {
    const { chatWith } = await example<{ chatWith(guard: StreamGuard, model: unknown): Handler }>('ai-sdk')
    const { MockLanguageModelV4, simulateReadableStream } = await import('ai/test')
    const { DefaultChatTransport, readUIMessageStream } = await import('ai')
    const usage = {
      inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
      outputTokens: { total: 1, text: 1, reasoning: 0 },
    }
    const model = new MockLanguageModelV4({
      doStream: async () => ({
        stream: simulateReadableStream({
          chunks: [
            { type: 'text-start', id: '0' },
            ...pieces(HARMLESS + HARMFUL).map((delta) => ({ type: 'text-delta' as const, id: '0', delta })),
            { type: 'text-end', id: '0' },
            { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage },
          ],
        }),
      }),
    })
    const handler = chatWith(guard, model)
    const transport = new DefaultChatTransport({
      api: 'http://localhost/',
      fetch: async (url, init) => await handler(new Request(url as string, init)),
    })
    const stream = await transport.sendMessages({
      trigger: 'submit-message',
      chatId: 'chat',
      messageId: undefined,
      messages: [{ id: '1', role: 'user', parts: [{ type: 'text', text: PROMPT }] }],
      abortSignal: undefined,
    })
    let texts: string[] = []
    for await (const message of readUIMessageStream({ stream })) {
      texts = message.parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))
    }
    // Whole sentences, and then the replacement.
    expect(texts).toEqual([HARMLESS, 'I had better not answer that.'])
  })
})
