import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { GenGuard } from '../../lib/index.js'
import { createApp, type ServerApp } from '../../lib/server/index.js'
import { type Listening, listen } from '../../lib/server/listen.js'

let gen: GenGuard
let app: ServerApp
let listening: Listening

beforeAll(async () => {
  gen = await GenGuard.load({ model: 'demo-gen', gpu: false })
  app = createApp({ gen, limits: { bodyMs: 300 } })
  listening = await listen(app, { host: '127.0.0.1', port: 0, headersMs: 300, requestMs: 5000 })
})
afterAll(async () => {
  listening.server.closeAllConnections()
  await new Promise((resolve) => listening.server.close(resolve))
  await app.close()
  await gen.close()
})

/** What a server says to these bytes until it ends the connection. */
function said(pieces: readonly string[], everyMs = 0): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(listening.url).port), '127.0.0.1')
    let answer = ''
    let at = 0
    const timer = setInterval(() => {
      if (at < pieces.length) socket.write(pieces[at++] as string)
    }, everyMs)
    socket.setEncoding('utf8').on('data', (text) => {
      answer += text
    })
    // A server that ends a connection at which one still writes resets it.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearInterval(timer)
      resolve(answer)
    })
  })
}

const HEAD = 'POST /v1/moderations HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n'

it('ends a connection whose headers do not come', async () => {
  expect(await said(['GET / HTTP/1.1\r\n', ...Array<string>(200).fill('x-a: b\r\n')], 50)).toMatch(
    /^HTTP\/1\.1 408/,
  )
})

it('answers 431 to headers without end', async () => {
  expect(await said([`${HEAD}x-flood: ${'a'.repeat(20_000)}\r\n\r\n`])).toMatch(/^HTTP\/1\.1 431/)
  const many = Array.from({ length: 3000 }, (_, i) => `x-${i}: b\r\n`).join('')
  expect(await said([`${HEAD}${many}\r\n`])).toMatch(/^HTTP\/1\.1 431/)
})

it('answers 408 to a body that trickles, and lets go of it', async () => {
  const answer = await said([`${HEAD}content-length: 1000\r\n\r\n{`, ...Array<string>(50).fill(' ')], 50)
  expect(answer).toMatch(/^HTTP\/1\.1 408/)
  expect(answer).toContain('"code":"request_timeout"')
})

it('answers 413 to a body that says or turns out to be too large', async () => {
  expect(await said([`${HEAD}content-length: 99999999\r\n\r\n`])).toMatch(/^HTTP\/1\.1 413/)
  const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`
  const chunked = await said(
    [`${HEAD}transfer-encoding: chunked\r\n\r\n`, ...Array<string>(40).fill(chunk)],
    1,
  )
  expect(chunked).toMatch(/^HTTP\/1\.1 413/)
})

it('ends a connection that speaks no HTTP', async () => {
  expect(await said(['\x16\x03\x01 hello\r\n\r\n'])).toMatch(/^HTTP\/1\.1 400/)
})

it('judges on for everybody else, with thousands of connections that say nothing', async () => {
  const port = Number(new URL(listening.url).port)
  const silent = Array.from({ length: 2000 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  await new Promise((resolve) => setTimeout(resolve, 200))
  const response = await fetch(`${listening.url}/v1/moderations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ input: 'How can I make a bomb?' }),
  })
  expect(((await response.json()) as { results: { flagged: boolean }[] }).results[0]?.flagged).toBe(true)
  for (const socket of silent) socket.destroy()
  const metrics = await (await fetch(`${listening.url}/metrics`)).text()
  expect(metrics).toMatch(/^qwen3guard_requests_in_work 1$/m)
})
