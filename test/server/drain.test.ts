import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { drain } from '../../lib/server/drain.js'
import type { ServerApp } from '../../lib/server/index.js'
import { listen } from '../../lib/server/listen.js'

/** An app whose only answer is `ok`, as a stream that ends when it is told to. */
function streaming() {
  let end = () => {}
  let isClosed = false
  const app: ServerApp = {
    fetch: async () => {
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('o'))
          end = () => {
            controller.enqueue(new TextEncoder().encode('k'))
            controller.close()
          }
        },
      })
      return new Response(body)
    },
    close: async () => {
      isClosed = true
    },
  }
  return { app, end: () => end(), isClosed: () => isClosed }
}

it('ends what is in work, and answers 503 to whatever else comes until then', async () => {
  const { app, end, isClosed } = streaming()
  const listening = await listen(app, { host: '127.0.0.1', port: 0 })
  const answer = await fetch(listening.url)
  const drained = drain(listening, app, 60_000)

  for (const path of ['/health', '/v1/health']) {
    const health = await fetch(`${listening.url}${path}`)
    expect(health.status).toBe(503)
    expect(await health.json()).toEqual({
      error: { code: 503, message: 'The server is stopping', type: 'unavailable_error' },
    })
  }
  const refused = await fetch(`${listening.url}/v1/moderations`, {
    method: 'POST',
    body: '{"input":"hello"}',
  })
  expect(refused.status).toBe(503)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(refused.headers.get('connection')).toBe('close')
  expect(await refused.json()).toMatchObject({ error: { type: 'server_error', code: 'unavailable' } })
  expect(isClosed()).toBe(false)

  end()
  expect(await answer.text()).toBe('ok')
  await drained
  expect(isClosed()).toBe(true)
  await expect(fetch(`${listening.url}/health`)).rejects.toThrow()
})

it('cuts off what is still in work at the deadline', async () => {
  const { app, isClosed } = streaming()
  const listening = await listen(app, { host: '127.0.0.1', port: 0 })
  const answer = await fetch(listening.url)
  await drain(listening, app, 50)
  expect(isClosed()).toBe(true)
  await expect(answer.text()).rejects.toThrow()
})

it('does not wait for a request that does not come whole', async () => {
  const { app } = streaming()
  const listening = await listen(app, { host: '127.0.0.1', port: 0 })
  const socket = connect(Number(new URL(listening.url).port), '127.0.0.1')
  socket.on('error', () => {})
  await new Promise<void>((resolve) => socket.write('GET / HT', () => resolve()))
  await drain(listening, app, 60_000)
  socket.destroy()
})
