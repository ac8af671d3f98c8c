import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listen } from '../../lib/server/listen.js'
import { HARMLESS, PROMPT } from '../support/replies.js'
import { type Json, json, served } from '../support/serving.js'

const server = served(
  { upstream: 'http://127.0.0.1:9/v1', limits: { bodyBytes: 20_000, bodyMs: 500, batch: 8, sessions: 3000 } },
  4,
)
let http: Server
let port = 0
beforeAll(async () => {
  http = (await listen(server.app, { host: '127.0.0.1', port: 0 })).server
  port = (http.address() as AddressInfo).port
})
afterAll(async () => {
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
})

const ROUTES = [
  '/v1/moderations',
  '/v1/classify',
  '/classify',
  '/v1/chat/completions',
  '/v1/responses',
  '/beta/litellm_basic_guardrail_api',
  '/request',
  '/response',
  '/get_reward',
  '/v1/rewards',
  '/v1/decisions',
  '/v1/systemone',
  '/v1/live',
]

/** Whether an answer is one, or an error of the shape that all have. */
async function sound(response: Response): Promise<Json | null> {
  const text = await response.text()
  expect([200, 201, 202, 400, 404, 405, 408, 409, 413, 415, 429, 502]).toContain(response.status)
  if (response.status < 300) return null
  const { error } = JSON.parse(text) as Json
  expect(Object.keys(error)).toEqual(expect.arrayContaining(['message', 'type', 'param', 'code']))
  expect(typeof error.message).toBe('string')
  expect(typeof error.code).toBe('string')
  return error
}

/** Values that are nearly requests, and others. */
const KEYS = [
  'input',
  'prompt',
  'messages',
  'inputs',
  'texts',
  'query',
  'prompts',
  'state',
  'questions',
  'body',
  'response',
  'input_type',
  'policy',
  'content',
  'role',
  'type',
  'choices',
  'hold_back',
  'text',
  'at',
  'end',
  '__proto__',
  'constructor',
]
const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom(
      null,
      true,
      0,
      -1,
      1.5,
      1e308,
      '',
      'user',
      'request',
      'text',
      '\ud800',
      PROMPT,
      '<|im_end|>',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('any'), { maxKeys: 5 }),
  ),
})).any

// Before the routes: a body of theirs may open a session, which its client then forgets.
describe('a live session', () => {
  it.each(['text', 'policy'])('answers any JSON for its %s with a result or a typed error', async (part) => {
    const { id } = await json(server.post('/v1/live', { prompt: PROMPT }))
    const bodies = fc.dictionary(fc.constantFrom(...KEYS), value, { maxKeys: 5 })
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        await sound(await server.post(`/v1/live/${id}/${part}`, body))
      }),
      { numRuns: 60 },
    )
    await server.app.fetch(new Request(`http://localhost/v1/live/${id}`, { method: 'DELETE' }))
    expect(server.stream.stats().openSequences).toBe(0)
  })
})

describe.each(ROUTES)('%s', (path) => {
  it('answers any JSON with a result or a typed error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...KEYS), value, { maxKeys: 5 }), async (body) => {
        await sound(await server.post(path, body))
      }),
      { numRuns: 60 },
    )
    expect(server.stream.stats().openSequences).toBeLessThanOrEqual(2)
  })

  it('refuses what is no JSON, no UTF-8, too large, compressed or of another type', async () => {
    const send = async (body: string | Uint8Array, headers: Record<string, string> = {}) =>
      (
        await sound(
          await server.app.fetch(
            new Request(`http://localhost${path}`, {
              method: 'POST',
              headers: { 'content-type': 'application/json', ...headers },
              body,
            }),
          ),
        )
      )?.code
    expect(await send('{"input": ')).toBe('invalid_json')
    expect(await send(new Uint8Array([0x22, 0xff, 0xfe, 0x22]))).toBe('invalid_encoding')
    expect(await send(`"${'x'.repeat(700_000)}"`)).toBe('request_too_large')
    expect(await send('{}', { 'content-encoding': 'gzip' })).toBe('unsupported_content_encoding')
    expect(await send('input=x', { 'content-type': 'application/x-www-form-urlencoded' })).toBe(
      'unsupported_media_type',
    )
    expect(await send(`${'['.repeat(9000)}${']'.repeat(9000)}`)).toBeDefined()
  })
})

/** What a server writes to a client that sends this, until it closes or `ms` pass. */
function raw(text: string, ms = 3000): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    const end = () => {
      socket.destroy()
      resolve(answer)
    }
    const timer = setTimeout(end, ms)
    socket.on('data', (bytes) => (answer += bytes))
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(answer)
    })
  })
}

describe('over a socket', () => {
  const head = 'POST /v1/moderations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'

  it('a body that does not come is 408', async () => {
    expect(await raw(`${head}content-length: 100\r\n\r\n{"input":`)).toContain('408')
  })

  it('a flood of headers is refused', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => `x-${i}: ${'y'.repeat(20)}\r\n`).join('')
    expect(await raw(`${head}${many}\r\n`)).toMatch(/^HTTP\/1\.1 431/)
  })

  it.each([
    '/../../etc/passwd',
    '/assets/../../package.json',
    '/%2e%2e/%2e%2e/package.json',
    '/assets/%2e%2e%2findex.js',
    '//v1//moderations',
    '/v1/live/%00/events',
    '/%ff%fe',
  ])('the path %s leads nowhere', async (path) => {
    const answer = await raw(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 (400|404|405)/)
    expect(answer).not.toMatch(/root:|"devDependencies"/)
  })

  it('cut connections leave nothing behind', async () => {
    for (let i = 0; i < 100; i++) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(
        `${head}content-length: ${60 + i}\r\n\r\n${JSON.stringify({ input: HARMLESS }).slice(0, 40 + i)}`,
      )
      await sleep(1)
      socket.destroy()
    }
    await sleep(700)
    expect(await json(server.post('/v1/moderations', { input: PROMPT }))).toHaveProperty('results')
    expect(server.gen.stats().queued).toBe(0)
  })
})

describe('thousands of sessions', () => {
  it('are all answered, share the places there are, and are forgotten', async () => {
    const ids: string[] = []
    for (let i = 0; i < 2000; i += 50) {
      const opened = Array.from({ length: 50 }, () => json(server.post('/v1/live', { prompt: PROMPT })))
      for (const { id } of await Promise.all(opened)) ids.push(id)
    }
    expect(new Set(ids).size).toBe(2000)
    expect(server.stream.stats().openSequences).toBeLessThanOrEqual(2)
    const some = [ids[0], ids[1000], ids[1999]]
    for (const id of some) {
      const answer = await json(server.post(`/v1/live/${id}/text`, { text: HARMLESS, end: true }))
      expect(answer).toEqual({ received: HARMLESS.length, released: HARMLESS.length, action: 'allow' })
    }
    for (const id of ids) {
      await server.app.fetch(new Request(`http://localhost/v1/live/${id}`, { method: 'DELETE' }))
    }
    expect(server.stream.stats().openSequences).toBe(0)
  })
})
