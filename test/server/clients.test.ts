import type { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OPENAI_CATEGORIES } from '../../lib/server/openai-categories.js'
import { chunk, contents, start, stop } from '../support/chat-chunks.js'
import { clientAt, MAJORS } from '../support/openai.js'
import { BLOCKED_PROMPT, HARMFUL, HARMLESS, PROMPT } from '../support/replies.js'
import { served } from '../support/serving.js'
import { streaming, upstreamServer } from '../support/upstream.js'

const upstream = upstreamServer()
const server = served(() => ({ upstream: upstream.url, keys: ['secret'] }))
let http: ReturnType<typeof createServer>
let base = ''
beforeAll(async () => {
  http = createAdaptorServer({ fetch: (request) => server.app.fetch(request) }) as typeof http
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`
})
afterAll(async () => {
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
})

describe.each(MAJORS)('openai $major', ({ load }) => {
  const client = async () => {
    const made = await clientAt(load, base)
    made.apiKey = 'secret'
    return made
  }

  it('moderates texts', async () => {
    const { moderations } = await client()
    const { id, model, results } = await moderations.create({ input: [PROMPT, BLOCKED_PROMPT] })
    expect(id).toMatch(/^modr-/)
    expect(model).toBe('qwen3guard-gen')
    expect(results.map(({ flagged }) => flagged)).toEqual([false, true])
    for (const { categories, category_scores, category_applied_input_types } of results) {
      for (const record of [categories, category_scores, category_applied_input_types]) {
        expect(Object.keys(record)).toEqual([...OPENAI_CATEGORIES])
      }
      expect(Object.values(category_scores).every((score) => score >= 0 && score <= 1)).toBe(true)
    }
    expect(results[1]?.categories.violence).toBe(true)
  })

  it('moderates parts as one text, and refuses images by name', async () => {
    const { moderations } = await client()
    const input = [
      { type: 'text' as const, text: PROMPT },
      { type: 'text' as const, text: BLOCKED_PROMPT },
    ]
    expect((await moderations.create({ input })).results.map(({ flagged }) => flagged)).toEqual([true])
    const image = { type: 'image_url' as const, image_url: { url: 'https://example.com/x.png' } }
    await expect(moderations.create({ input: [...input, image] })).rejects.toMatchObject({
      status: 400,
      param: 'input',
      type: 'invalid_request_error',
    })
  })

  it('is told of a wrong key', async () => {
    const made = await clientAt(load, base)
    await expect(made.moderations.create({ input: PROMPT })).rejects.toMatchObject({
      status: 401,
      code: 'invalid_api_key',
    })
  })

  it('streams a chat completion, filtered', async () => {
    const { chat } = await client()
    upstream.answer = streaming([start(), ...contents(HARMLESS + HARMFUL), stop(), chunk({})])
    const messages = [{ role: 'user' as const, content: PROMPT }]
    let text = ''
    const reasons = []
    for await (const { choices } of await chat.completions.create({ model: 'x', messages, stream: true })) {
      text += choices[0]?.delta.content ?? ''
      if (choices[0]?.finish_reason) reasons.push(choices[0].finish_reason)
    }
    expect(reasons).toEqual(['content_filter'])
    expect(text.startsWith(HARMLESS.slice(0, 40))).toBe(true)
    expect(text).not.toContain('steal')
    const blocked = [{ role: 'user' as const, content: BLOCKED_PROMPT }]
    await expect(chat.completions.create({ model: 'x', messages: blocked })).rejects.toMatchObject({
      status: 400,
      code: 'moderation_blocked',
    })
  })
})

describe('@openai/guardrails', () => {
  it("has its moderation check tripped by the guard's findings", async () => {
    const { moderationCheck } = await import('@openai/guardrails')
    const { default: OpenAI } = await import('openai-6')
    const guardrailLlm = new OpenAI({ apiKey: 'secret', baseURL: base })
    const check = (text: string) =>
      moderationCheck({ guardrailLlm }, text, { categories: ['violence', 'illicit'] as never })
    expect((await check(BLOCKED_PROMPT)).tripwireTriggered).toBe(true)
    expect((await check(PROMPT)).tripwireTriggered).toBe(false)
  })
})

describe("LangChain's moderation middleware", () => {
  it('ends an agent before its model is asked', async () => {
    const { createAgent, openAIModerationMiddleware } = await import('langchain')
    const { ChatOpenAI } = await import('@langchain/openai')
    const model = new ChatOpenAI({
      model: 'x',
      apiKey: 'secret',
      configuration: { baseURL: base },
      maxRetries: 0,
    })
    // The client is there once the model was asked; the middleware looks for it before.
    upstream.answer = (response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const message = { role: 'assistant', content: HARMLESS }
      response.end(
        JSON.stringify({
          ...{ id: 'c', object: 'chat.completion', created: 1, model: 'x' },
          choices: [{ index: 0, message, finish_reason: 'stop' }],
        }),
      )
    }
    await model.invoke(PROMPT)
    const agent = createAgent({
      model,
      tools: [],
      middleware: [
        openAIModerationMiddleware({ model, exitBehavior: 'end', checkInput: true, checkOutput: true }),
      ],
    })
    const before = upstream.requests.length
    const said = async (content: string) =>
      String((await agent.invoke({ messages: [{ role: 'user', content }] })).messages.at(-1)?.content)
    expect(await said(BLOCKED_PROMPT)).toMatch(/flagged|violat/i)
    expect(upstream.requests).toHaveLength(before)
    expect(await said(PROMPT)).toBe(HARMLESS)
  })
})
