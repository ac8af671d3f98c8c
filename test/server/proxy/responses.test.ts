import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { StreamGuard } from '../../../lib/index.js'
import { createApp, type ServerApp } from '../../../lib/server/index.js'
import { BLOCKED_PROMPT, HARMFUL, HARMLESS, PROMPT } from '../../support/replies.js'
import { begin, message, numbered } from '../../support/response-events.js'
import { eventsIn, type Json, json, post } from '../../support/serving.js'
import { answering, streaming, upstreamServer } from '../../support/upstream.js'

const upstream = upstreamServer()
let stream: StreamGuard
let app: ServerApp
beforeAll(async () => {
  stream = await StreamGuard.load({ model: 'demo-stream', gpu: false })
  app = createApp({ stream, upstream: upstream.url })
})
afterAll(async () => {
  await app.close()
  await stream.close()
})

const ask = (body: object = {}) =>
  post(app, '/v1/responses', { model: 'test', stream: true, input: PROMPT, ...body })
const whole = (text: string) => ({
  id: 'resp_1',
  object: 'response',
  status: 'completed',
  model: 'test',
  output: [
    {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text, annotations: [] }],
    },
  ],
  usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 },
})
const completed = (text: string) => ({ type: 'response.completed', response: whole(text) })
/** A stream without `[DONE]`, as the API's. */
const events = (list: object[]) =>
  streaming(
    (numbered(list) as Json[]).map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
    (response) => void response.end(),
  )
const read = async (response: Response) => eventsIn(await response.text())
const deltas = (list: { data: unknown }[]) =>
  list
    .map(({ data }) => data as Json)
    .map(({ type, delta }) => (type === 'response.output_text.delta' ? delta : ''))
    .join('')

describe('a streamed response', () => {
  it('comes whole when nothing is wrong', async () => {
    upstream.answer = events([...begin, ...message(HARMLESS, 0), completed(HARMLESS)])
    const list = await read(await ask())
    expect(deltas(list)).toBe(HARMLESS)
    expect(list.at(-1)).toMatchObject({
      event: 'response.completed',
      data: { response: { status: 'completed' } },
    })
    expect(upstream.requests.at(-1)?.path).toBe('/v1/responses')
  })

  it('ends as filtered, with what was found', async () => {
    upstream.answer = events([...begin, ...message(HARMLESS + HARMFUL, 0), completed(HARMLESS + HARMFUL)])
    const response = await ask()
    const text = await response.text()
    expect(text).not.toContain('steal the money')
    expect(eventsIn(text).at(-1)?.data).toMatchObject({
      type: 'response.incomplete',
      response: {
        incomplete_details: { reason: 'content_filter' },
        moderation: { output: { results: [{ flagged: true }] } },
      },
    })
  })

  it('is an error when the prompt is blocked', async () => {
    const before = upstream.requests.length
    const response = await ask({ input: [{ role: 'user', content: BLOCKED_PROMPT }] })
    expect(response.status).toBe(400)
    expect((await json(response)).error).toMatchObject({ code: 'moderation_blocked', param: 'input' })
    expect(upstream.requests).toHaveLength(before)
  })

  it('that ends before its end is an error', async () => {
    upstream.answer = events([...begin, ...message(HARMLESS, 0)])
    expect((await read(await ask())).at(-1)).toMatchObject({
      event: 'error',
      data: { code: 'upstream_incomplete' },
    })
  })
})

describe('a response that is not streamed', () => {
  it('comes as it was', async () => {
    upstream.answer = answering(whole(HARMLESS))
    expect(await json(ask({ stream: false }))).toEqual(whole(HARMLESS))
  })

  it('is an error when it is blocked, and in the background', async () => {
    upstream.answer = answering(whole(HARMFUL))
    const response = await ask({ stream: false })
    expect(response.status).toBe(400)
    expect((await json(response)).error.code).toBe('moderation_blocked')
    expect((await json(ask({ background: true }))).error.param).toBe('background')
  })
})
