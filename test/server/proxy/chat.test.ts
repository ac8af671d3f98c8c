import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { StreamGuard } from '../../../lib/index.js'
import {
  createApp,
  type ServedStream,
  type ServerApp,
  type ServerOptions,
} from '../../../lib/server/index.js'
import { chunk, contents, start, stop, TOOL_CALL } from '../../support/chat-chunks.js'
import { BLOCKED_PROMPT, HARMFUL, HARMLESS, PROMPT } from '../../support/replies.js'
import { eventsIn, type Json, json, post } from '../../support/serving.js'
import { answering, streaming, upstreamServer } from '../../support/upstream.js'

const upstream = upstreamServer()
let stream: StreamGuard
let app: ServerApp

function appWith(options: ServerOptions = {}): ServerApp {
  return createApp({ stream, upstream: upstream.url, ...options })
}
beforeAll(async () => {
  stream = await StreamGuard.load({ model: 'demo-stream', gpu: false })
  app = appWith()
})
afterAll(async () => {
  await app.close()
  await stream.close()
})
beforeEach(() => {
  upstream.requests.length = 0
})

const ask = (body: object = {}, signal?: AbortSignal, headers = {}) =>
  post(
    app,
    '/v1/chat/completions',
    { model: 'test', stream: true, messages: [{ role: 'user', content: PROMPT }], ...body },
    headers,
    signal,
  )
const answer = async (body: object = {}) => {
  const response = await ask(body)
  const text = await response.text()
  return { response, events: eventsIn(text).map(({ data }) => data) as Json[], text }
}
const textOf = (events: Json[], index = 0) =>
  events
    .flatMap(({ choices = [] }) => choices.filter((choice: Json) => choice.index === index))
    .map(({ delta }: Json) => delta.content ?? '')
    .join('')
const idle = async () => {
  for (let i = 0; i < 200 && stream.stats().openSequences > 0; i++) await sleep(10)
  expect(stream.stats().openSequences).toBe(0)
}

describe('a streamed chat completion', () => {
  it('comes whole, with usage and in order, when nothing is wrong', async () => {
    const usage = { prompt_tokens: 3, completion_tokens: 9, total_tokens: 12 }
    upstream.answer = streaming([
      start(),
      ...contents(HARMLESS),
      stop(),
      { ...chunk({}), choices: [], usage },
    ])
    const { response, events, text } = await answer({ temperature: 0.5 })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    expect(textOf(events)).toBe(HARMLESS)
    expect(events.at(-2)?.usage).toEqual(usage)
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
    expect(upstream.requests[0]).toMatchObject({ path: '/v1/chat/completions', body: { temperature: 0.5 } })
    await idle()
  })

  it('is an error when the prompt is blocked, and the upstream is not asked', async () => {
    upstream.answer = streaming([...contents(HARMLESS), stop()])
    const response = await ask({ messages: [{ role: 'user', content: BLOCKED_PROMPT }] })
    expect(response.status).toBe(400)
    expect((await json(response)).error).toMatchObject({
      code: 'moderation_blocked',
      param: 'messages',
      moderation_details: { moderation_stage: 'input', categories: ['violence'] },
    })
    expect(upstream.requests).toEqual([])
    await idle()
  })

  it('is an error when the reply begins with a block', async () => {
    upstream.answer = streaming([start(), chunk({ content: HARMFUL }), stop()])
    app = appWith({ replies: { holdBack: 100 } })
    const response = await ask()
    app = appWith()
    expect(response.status).toBe(400)
    expect((await json(response)).error).toMatchObject({
      code: 'moderation_blocked',
      moderation_details: { moderation_stage: 'output' },
    })
  })

  it('ends well-formed on a block, without a letter of what was held back', async () => {
    upstream.answer = streaming([start(), ...contents(HARMLESS + HARMFUL), stop()], () => {})
    const { response, events, text } = await answer()
    expect(response.status).toBe(200)
    expect(textOf(events)).toBe((await releasedBy(HARMLESS + HARMFUL)) as string)
    expect(events.at(-3)).toMatchObject({ choices: [{ delta: {}, finish_reason: 'content_filter' }] })
    expect(events.at(-2)).toMatchObject({
      choices: [],
      moderation: { input: { results: [{ flagged: false }] }, output: { results: [{ flagged: true }] } },
    })
    expect(events.at(-1)).toBe('[DONE]')
    expect(text).not.toContain('steal the money')
    await idle()
    await expect
      .poll(() => upstream.requests.map(({ isBrokenOff }) => isBrokenOff), { timeout: 10_000 })
      .toEqual([true])
  })

  it('judges each choice on its own', async () => {
    upstream.answer = streaming([
      start(0),
      start(1),
      ...contents(HARMLESS + HARMFUL, 'content', 0),
      ...contents(HARMLESS, 'content', 1),
      stop('stop', 0),
      stop('stop', 1),
    ])
    const { events } = await answer({ n: 2 })
    expect(textOf(events, 1)).toBe(HARMLESS)
    expect(textOf(events, 0)).not.toContain('steal')
    const finishes = events
      .flatMap(({ choices = [] }) => choices)
      .filter(({ finish_reason }: Json) => finish_reason)
    expect(finishes.map(({ index, finish_reason }: Json) => [index, finish_reason]).sort()).toEqual([
      [0, 'content_filter'],
      [1, 'stop'],
    ])
  })

  it('judges reasoning as well as the answer behind it', async () => {
    const reasoningOf = (events: Json[]) =>
      events.flatMap(({ choices = [] }) => choices.map(({ delta }: Json) => delta.reasoning_content ?? ''))
    const answered = [start(), ...contents(HARMLESS, 'reasoning_content'), ...contents(HARMLESS), stop()]
    upstream.answer = streaming(answered)
    const { events } = await answer()
    expect(reasoningOf(events).join('')).toBe(HARMLESS)
    expect(textOf(events)).toBe(HARMLESS)
    const harmful = contents(HARMLESS + HARMFUL, 'reasoning_content')
    upstream.answer = streaming([start(), ...harmful, ...contents(HARMLESS), stop()])
    const blocked = await answer()
    expect(blocked.events.at(-3)).toMatchObject({ choices: [{ finish_reason: 'content_filter' }] })
    expect(blocked.text).not.toContain('steal the money')
    expect(textOf(blocked.events)).toBe('')
    await idle()
  })

  it('judges what tools are called with', async () => {
    const call = (fields: object) => chunk({ tool_calls: [{ index: 0, ...fields }] })
    upstream.answer = streaming([
      start(),
      call({ id: 'c', type: 'function', function: { name: 'write', arguments: '' } }),
      call({ function: { arguments: JSON.stringify({ note: HARMFUL }) } }),
      stop('tool_calls'),
    ])
    const { text } = await answer()
    expect(text).not.toContain('steal')
    upstream.answer = streaming([start(), ...TOOL_CALL, stop('tool_calls')])
    const { events } = await answer()
    const called = events.flatMap(({ choices = [] }) =>
      choices.flatMap(({ delta }: Json) => delta.tool_calls ?? []),
    )
    expect(called.map(({ function: { arguments: piece } }: Json) => piece ?? '').join('')).toBe(
      '{"city":"Paris"}',
    )
  })

  it('gives `moderation` to who asks for it', async () => {
    upstream.answer = streaming([start(), ...contents(HARMLESS), stop()])
    const { events } = await answer({ moderation: { model: 'omni-moderation-latest' } })
    expect(events.at(-2)?.moderation).toMatchObject({
      input: { type: 'moderation_results', results: [{ flagged: false }] },
      output: { type: 'moderation_results', results: [{ flagged: false }] },
    })
    expect(upstream.requests[0]?.body).not.toHaveProperty('moderation')
  })

  it('stops upstream and guard when the client goes away', async () => {
    upstream.answer = streaming([start(), ...contents(HARMLESS)], () => {})
    const client = new AbortController()
    const response = await ask({}, client.signal)
    const reader = response.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    await idle()
    await expect
      .poll(() => upstream.requests.map(({ isBrokenOff }) => isBrokenOff), { timeout: 10_000 })
      .toEqual([true])
  })

  it('stops when the client goes before the head', async () => {
    upstream.answer = () => {}
    const client = new AbortController()
    const response = ask({}, client.signal)
    for (let i = 0; i < 200 && upstream.requests.length === 0; i++) await sleep(10)
    client.abort()
    expect((await response).status).toBeGreaterThanOrEqual(400)
    await idle()
    await expect
      .poll(() => upstream.requests.map(({ isBrokenOff }) => isBrokenOff), { timeout: 10_000 })
      .toEqual([true])
  })
})

async function releasedBy(text: string): Promise<string> {
  let out = ''
  const source = (async function* () {
    yield* text.match(/.{1,6}/gsu) ?? []
  })()
  for await (const event of stream.moderate(PROMPT, source)) if (event.type === 'text') out += event.text
  return out
}

describe('a chat completion that is not streamed', () => {
  const completion = (content: string, more: object = {}) => ({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'test',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content, refusal: null, ...more },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 3, completion_tokens: 9, total_tokens: 12 },
  })

  it('comes as it was', async () => {
    const tool_calls = [
      { id: 'c', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } },
    ]
    upstream.answer = answering(completion(HARMLESS, { tool_calls }))
    expect(await json(ask({ stream: false }))).toEqual(completion(HARMLESS, { tool_calls }))
  })

  it('is an error when it is blocked', async () => {
    upstream.answer = answering(completion(HARMLESS + HARMFUL))
    const response = await ask({ stream: false })
    expect(response.status).toBe(400)
    expect((await json(response)).error.code).toBe('moderation_blocked')
  })
})

describe('an upstream at fault', () => {
  const half = (text: string) => (response: import('node:http').ServerResponse) => void response.end(text)
  it.each([
    ['answers 500', answering({ error: { message: 'boom' } }, 500), 502, 'upstream_failed'],
    [
      'answers 429',
      answering({ error: { message: 'slow down', code: 'rate' } }, 429, { 'retry-after': '7' }),
      429,
      'rate',
    ],
    ['answers 302', answering('', 302, { location: 'http://127.0.0.1:1/' }), 502, 'upstream_invalid'],
    ['is no stream', answering({ choices: [] }), 502, 'upstream_invalid'],
    ['sends no JSON', streaming(['data: {"choices": [\n\n']), 502, 'upstream_invalid'],
    ['sends no object', streaming(['data: 3\n\n']), 502, 'upstream_invalid'],
    ['sends other events', streaming([{ type: 'message_start' }]), 502, 'upstream_invalid'],
    ['sends choices that are none', streaming([{ choices: 'x' }]), 502, 'upstream_invalid'],
    ['ends in a line', streaming([], half('data: {"cho')), 502, 'upstream_incomplete'],
    ['ends before its end', streaming([start()], half('')), 502, 'upstream_incomplete'],
    ['breaks off', streaming([start()], (response) => void response.destroy()), 502, 'upstream_incomplete'],
    ['sends an error', streaming([{ error: { message: 'overheated' } }]), 502, 'upstream_failed'],
    ['is silent', () => {}, 504, 'upstream_timeout'],
  ])('that %s gives an error of the same shape', async (_, handler, status, code) => {
    app = appWith({ upstream: { url: upstream.url, timeoutMs: 500 } })
    upstream.answer = handler
    const response = await ask()
    expect(response.status).toBe(status)
    expect((await json(response)).error).toMatchObject({ code, message: expect.any(String), param: null })
    if (status === 429) expect(response.headers.get('retry-after')).toBe('7')
    app = appWith()
    await idle()
  })

  it('ends a stream that has begun with an error and [DONE]', async () => {
    upstream.answer = streaming([start(), ...contents(HARMLESS)], (response) => void response.destroy())
    const { response, events } = await answer()
    expect(response.status).toBe(200)
    expect(HARMLESS.startsWith(textOf(events.slice(0, -2)))).toBe(true)
    expect(events.at(-2)).toMatchObject({ error: { code: 'upstream_incomplete' } })
    expect(events.at(-1)).toBe('[DONE]')
  })

  it('that refuses connections gives 502', async () => {
    app = appWith({ upstream: 'http://127.0.0.1:9/v1' })
    const response = await ask()
    app = appWith()
    expect(response.status).toBe(502)
    expect((await json(response)).error.code).toBe('upstream_unreachable')
  })

  it('is asked while the prompt is judged where it is to be, and shows nothing of a blocked one', async () => {
    const asked = new Promise<void>((resolve) => {
      upstream.answer = async (response) => {
        resolve()
        await streaming([start(), ...contents(HARMLESS), stop()])(response, {})
      }
    })
    const late = {
      open: stream.open.bind(stream),
      classifyPrompt: stream.classifyPrompt.bind(stream),
      stats: () => stream.stats(),
      moderate: (...given: Parameters<StreamGuard['moderate']>) => {
        const events = stream.moderate(...given)
        return (async function* () {
          await asked
          yield* events
        })()
      },
    } as ServedStream
    app = appWith({ stream: late, upstream: { url: upstream.url, ahead: true } })
    const response = await ask({ messages: [{ role: 'user', content: BLOCKED_PROMPT }] })
    app = appWith()
    expect(response.status).toBe(400)
    expect((await json(response)).error.code).toBe('moderation_blocked')
    await idle()
  })

  it('gets the key that is its own', async () => {
    upstream.answer = streaming([start(), ...contents(HARMLESS), stop()])
    await (await ask({}, undefined, { authorization: 'Bearer callers' })).text()
    expect(upstream.requests.at(-1)?.headers.authorization).toBe('Bearer callers')
    app = appWith({ keys: ['ours'] })
    await (await ask({}, undefined, { authorization: 'Bearer ours' })).text()
    expect(upstream.requests.at(-1)?.headers.authorization).toBeUndefined()
    app = appWith({ keys: ['ours'], upstream: { url: upstream.url, key: 'theirs' } })
    await (await ask({}, undefined, { authorization: 'Bearer ours' })).text()
    expect(upstream.requests.at(-1)?.headers.authorization).toBe('Bearer theirs')
    app = appWith()
  })
})
