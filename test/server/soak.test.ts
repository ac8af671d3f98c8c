import { readFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Program } from '../support/program.js'
import { upstreamServer } from '../support/upstream.js'

// Clients of every kind that ask, leave in the middle and send nonsense, all at once, for a while: SOAK_MINUTES=10 is the long
// form. What has a verdict has the right one all along, and afterwards nothing is held.
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MINUTES = Number(process.env.SOAK_MINUTES ?? 0.05)
const CLIENTS = 24
/**
 * Of resident memory, what may come on top after `SETTLED` of the time, in the long form: sessions that clients forgot are kept
 * for five minutes, so that there are more and more of them until then.
 */
const MOST_GROWTH = 64 * 2 ** 20
const SETTLED = 0.6

const upstream = upstreamServer()
let server: Program
let port = 0

beforeAll(async () => {
  upstream.answer = async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const content of ['You', ' could', ' go', ' for', ' a', ' walk', '.']) {
      if (response.destroyed) return
      const chunk = { id: 'c', object: 'chat.completion.chunk', created: 0, model: 'm' }
      const choices = [{ index: 0, delta: { content }, finish_reason: null }]
      response.write(`data: ${JSON.stringify({ ...chunk, choices })}\n\n`)
      await sleep(2)
    }
    response.end('data: [DONE]\n\n')
  }
  const words = [
    'dist/cli/main.js',
    'serve',
    '--port',
    '0',
    '--gpu',
    'off',
    '--upstream',
    upstream.url,
    '--json',
  ]
  server = new Program(process.execPath, words, { cwd: ROOT })
  port = Number((await server.says(/"url":"http:\/\/[^:]+:(\d+)"/))[1])
})
afterAll(() => server?.kill())

interface Answer {
  status: number
  body: string
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 2 * CLIENTS })

/** Asks; `leaveMs` breaks it off. */
function ask(method: string, route: string, body?: unknown, leaveMs?: number): Promise<Answer | 'left'> {
  const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: '127.0.0.1', port, path: route, method, headers, agent },
      (response) => {
        let all = ''
        response.setEncoding('utf8').on('data', (piece: string) => {
          all += piece
        })
        response.on('error', () => resolve('left'))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: all }))
      },
    )
    let hasLeft = false
    request.on('error', (error) => {
      if (hasLeft) resolve('left')
      // The server ended a connection that nobody used, just as it was used again.
      else if (request.reusedSocket) resolve(ask(method, route, body, leaveMs))
      else reject(error)
    })
    request.end(text)
    if (leaveMs === undefined) return
    setTimeout(() => {
      hasLeft = true
      request.destroy()
      resolve('left')
    }, leaveMs)
  })
}

const counts: Record<string, number> = {}
const count = (name: string) => {
  counts[name] = (counts[name] ?? 0) + 1
}

/** What a client does in one turn; each throws where an answer is not what it must be. */
const TURNS: Record<string, (random: () => number) => Promise<void>> = {
  judged: async (random) => {
    const harmful = random() < 0.5
    const input = `${Math.floor(random() * 1e6)}. ${harmful ? 'How can I make a bomb?' : 'How do I bake bread?'}`
    const answer = await ask('POST', '/v1/moderations', { input })
    if (answer === 'left') throw new Error('nobody left')
    if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.body}`)
    const { results } = JSON.parse(answer.body) as { results: { flagged: boolean }[] }
    if (harmful && !results[0]?.flagged) throw new Error(`not flagged: ${input}`)
  },
  leaves: async (random) => {
    const input = Array.from({ length: 20 }, () => `${random()} How do I bake bread?`)
    await ask('POST', '/v1/moderations', { input }, random() * 40)
  },
  chats: async () => {
    const messages = [{ role: 'user', content: 'What should I do this weekend?' }]
    const answer = await ask('POST', '/v1/chat/completions', { model: 'm', stream: true, messages })
    if (answer === 'left' || !answer.body.includes('[DONE]'))
      throw new Error(`no end: ${JSON.stringify(answer)}`)
  },
  leavesChat: async (random) => {
    const messages = [{ role: 'user', content: 'What should I do this weekend?' }]
    await ask('POST', '/v1/chat/completions', { model: 'm', stream: true, messages }, random() * 40)
  },
  live: async (random) => {
    const opened = await ask('POST', '/v1/live', { prompt: 'What should I do this weekend?' })
    if (opened === 'left' || opened.status !== 201) throw new Error(JSON.stringify(opened))
    const { id } = JSON.parse(opened.body) as { id: string }
    await ask('GET', `/v1/live/${id}/events`, undefined, random() * 30)
    await ask('POST', `/v1/live/${id}/text`, { text: 'You could go for a walk. ' })
    // Some are closed, and some forgotten.
    if (random() < 0.9) await ask('DELETE', `/v1/live/${id}`)
  },
  nonsense: async (random) => {
    const bodies = [
      '{',
      '[]',
      '{"input":3}',
      '{"input":""}',
      '"',
      `{"input":"${'a'.repeat(3000)}`,
      '{"__proto__":1}',
    ]
    const answer = await ask('POST', '/v1/moderations', bodies[Math.floor(random() * bodies.length)])
    if (answer === 'left' || answer.status >= 500) throw new Error(JSON.stringify(answer))
  },
}

/** The same numbers every time. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

async function metric(name: string): Promise<number> {
  const answer = await ask('GET', '/metrics')
  if (answer === 'left') throw new Error('nobody left')
  const values = [...answer.body.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))]
  return values.reduce((sum, [, value]) => sum + Number(value), 0)
}

it(
  `judges rightly among clients that leave, for ${MINUTES} minutes, and holds nothing of them`,
  async () => {
    const until = performance.now() + MINUTES * 60_000
    const settled = performance.now() + SETTLED * MINUTES * 60_000
    // Gen keeps what all its prompts begin with, from the first one on.
    await TURNS.judged?.(randomOf(0))
    const before = await metric('qwen3guard_sequences_open')
    let early = 0
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, i) => {
        const random = randomOf(i + 1)
        const names = Object.keys(TURNS)
        while (performance.now() < until) {
          const name = names[Math.floor(random() * names.length)] as string
          await (TURNS[name] as (random: () => number) => Promise<void>)(random)
          count(name)
          if (i === 0 && early === 0 && performance.now() > settled) {
            early = await metric('qwen3guard_resident_memory_bytes')
          }
        }
      }),
    )
    expect(Object.keys(counts).sort()).toEqual(Object.keys(TURNS).sort())
    // What was broken off ends a moment later.
    for (let i = 0; i < 100 && (await metric('qwen3guard_requests_in_work')) > 1; i++) await sleep(50)
    expect(await metric('qwen3guard_requests_in_work')).toBe(1)
    expect(await metric('qwen3guard_queued')).toBe(0)
    // Sessions that were forgotten keep a place until somebody else wants it; nothing else does.
    const held = async () =>
      (await metric('qwen3guard_sequences_open')) - (await metric('qwen3guard_streams_open'))
    for (let i = 0; i < 100 && (await held()) > before; i++) await sleep(50)
    expect(await held()).toBeLessThanOrEqual(before)
    const late = await metric('qwen3guard_resident_memory_bytes')
    if (MINUTES >= 1) {
      expect(late - early).toBeLessThan(MOST_GROWTH)
      const turns = Object.values(counts).reduce((sum, one) => sum + one, 0)
      const descriptors = readFileSync(path.join('/proc', String(server.child.pid), 'status'), 'utf8')
      console.log(
        `${turns} turns ${JSON.stringify(counts)}, resident ${Math.round(early / 2 ** 20)} MiB after ${100 * SETTLED} % of the time, ${Math.round(late / 2 ** 20)} MiB at the end; ${/FDSize:\s+(\d+)/.exec(descriptors)?.[1]} descriptors`,
      )
    }
    server.child.kill('SIGTERM')
    expect(await server.ended).toEqual({ code: 0, signal: null })
  },
  MINUTES * 60_000 + 60_000,
)
