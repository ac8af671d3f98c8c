import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GenGuard } from '../../lib/gen/guard.js'
import { createApp, type LogLine, type ServerApp } from '../../lib/server/index.js'

let gen: GenGuard
let app: ServerApp

beforeAll(async () => {
  gen = await GenGuard.load({ model: 'demo-gen', gpu: false })
  app = createApp({ gen, keys: ['one', 'two'], playground: false })
})
afterAll(async () => {
  await app.close()
  await gen.close()
})

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return app.fetch(
    new Request(`http://localhost${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer two', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    }),
  )
}

describe('every request', () => {
  it('brings a key, but for /health', async () => {
    expect((await app.fetch(new Request('http://localhost/health'))).status).toBe(200)
    const none = await app.fetch(new Request('http://localhost/nothing'))
    const wrong = await post('/v1/moderations', { input: 'x' }, { authorization: 'Bearer three' })
    expect(none.status).toBe(401)
    expect(await wrong.json()).toEqual(await none.json())
    expect(
      (await post('/v1/moderations', { input: 'x' }, { authorization: '', 'x-api-key': 'one' })).status,
    ).toBe(200)
  })

  it('has its id echoed', async () => {
    const response = await post('/v1/moderations', { input: 'x' }, { 'x-request-id': 'abc-1' })
    expect(response.headers.get('x-request-id')).toBe('abc-1')
    const made = await post('/v1/moderations', { input: 'x' }, { 'x-request-id': 'a b' })
    expect(made.headers.get('x-request-id')).toMatch(/^req_/)
  })

  it.each([
    ['/v1/moderations', 'GET', 405],
    ['/v1/nothing', 'POST', 404],
  ])('%s by %s is %i', async (path, method, status) => {
    const response = await app.fetch(
      new Request(`http://localhost${path}`, { method, headers: { 'x-api-key': 'one' } }),
    )
    expect(response.status).toBe(status)
    const { error } = (await response.json()) as { error: Record<string, unknown> }
    expect(Object.keys(error)).toEqual(['message', 'type', 'param', 'code'])
    expect(error.type).toBe('invalid_request_error')
  })
})

it('takes so many requests at a time, and says when to come again', async () => {
  const narrow = createApp({ gen, limits: { concurrency: 1 } })
  const ask = () =>
    narrow.fetch(
      new Request('http://localhost/v1/moderations', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ input: 'How do I bake bread?' }),
      }),
    )
  const first = ask()
  const second = await ask()
  expect(second.status).toBe(429)
  expect(second.headers.get('retry-after')).toBe('1')
  expect(Object.keys(((await second.json()) as { error: object }).error)).toContain('code')
  expect((await first).status).toBe(200)
  expect((await ask()).status).toBe(200)
  await narrow.close()
})

it('logs each request with its id, and nothing of what it held', async () => {
  const lines: LogLine[] = []
  const logging = createApp({ gen, onLog: (line) => void lines.push(line) })
  for (const body of ['{"input": "How do I bake bread?"}', '{"input": "bread', '{"bread": "bread"}']) {
    const headers = {
      'content-type': 'application/json',
      'x-request-id': 'abc-2',
      authorization: 'Bearer bread',
    }
    const request = new Request('http://localhost/v1/moderations?bread=bread', {
      method: 'POST',
      headers,
      body,
    })
    await (await logging.fetch(request)).text()
  }
  await logging.close()
  const line = { level: 'info', message: 'request', request_id: 'abc-2', route: '/v1/moderations' }
  expect(lines).toMatchObject([200, 400, 400].map((status) => ({ ...line, status })))
  expect(JSON.stringify(lines)).not.toContain('bread')
})

describe('a body', () => {
  it.each([
    ['{', null, 'invalid_json'],
    ['', null, 'invalid_json'],
    ['[]', null, 'invalid_value'],
    [{}, 'input', 'missing_required_parameter'],
    [{ input: 3 }, 'input', 'invalid_value'],
    [{ input: ['a', 3] }, 'input', 'invalid_value'],
    [{ input: 'x', modle: 'y' }, 'modle', 'unknown_parameter'],
    [{ input: 'x', policy: { mode: 'sharp' } }, 'policy.mode', 'invalid_value'],
    [{ input: 'x', policy: { treshold: 1 } }, 'policy.treshold', 'unknown_parameter'],
  ])('%j is refused, naming %s', async (body, param, code) => {
    const response = await post('/v1/moderations', body)
    expect(response.status).toBe(400)
    const { error } = (await response.json()) as { error: object }
    expect(error).toMatchObject({ param, code })
  })
})
