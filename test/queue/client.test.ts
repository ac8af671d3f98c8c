import { createServer } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type ModerationEvent, StreamGuard } from '../../lib/index.js'
import { createGuardClient, createGuardWorker, type GuardClient } from '../../lib/queue/index.js'
import { Running } from '../support/cli.js'
import { freePort, REDIS, redis } from '../support/queue-servers.js'

const LIMIT_MS = 120_000
const PROMPT = 'Tell me a story about bread'
const PIECES = Array.from({ length: 60 }, (_, at) => `And then the baker took loaf number ${at}. `)

interface Serving {
  url: string
  running: Running
}

/** `qwen3guard serve`, in a process of its own. */
async function serve(): Promise<Serving> {
  const running = new Running(['serve', '--port', '0', '--json', '--threads', '1'])
  await running.until('stdout', '\n')
  return { url: (JSON.parse(running.stdout) as { url: string }).url, running }
}

async function kill({ running }: Serving): Promise<void> {
  running.child.kill('SIGKILL')
  await running.finished
}

async function* slowly(pieces: string[], before: (at: number) => Promise<void> | void = () => {}) {
  for (const [at, piece] of pieces.entries()) {
    await before(at)
    yield piece
  }
}

async function all(events: AsyncIterable<ModerationEvent>): Promise<ModerationEvent[]> {
  const list: ModerationEvent[] = []
  for await (const event of events) list.push(event)
  return list
}

function textOf(events: readonly ModerationEvent[]): string {
  return events.map((event) => (event.type === 'text' ? event.text : '')).join('')
}

describe('a client of several servers', () => {
  const serving: Serving[] = []
  let client: GuardClient
  beforeAll(async () => {
    serving.push(await serve(), await serve())
  }, LIMIT_MS)
  afterAll(async () => {
    for (const one of serving) await kill(one)
  })
  afterEach(async () => await client?.close())
  const urls = () => serving.map(({ url }) => url)

  it('has the verdict of one of them, of Gen or Stream', async () => {
    client = await createGuardClient({ servers: urls() })
    const gen = await client.classify('How do I bake bread?')
    expect(gen).toMatchObject({ kind: 'gen', safety: 'Safe', model: 'demo-gen' })
    expect(urls()).toContain(gen.server)
    const messages = [
      { role: 'user' as const, content: PROMPT },
      { role: 'assistant' as const, content: 'Once there was a loaf.' },
    ]
    expect(await client.classify(messages, { kind: 'stream' })).toMatchObject({ kind: 'stream' })
    expect(client.servers().every(({ healthy }) => healthy)).toBe(true)
  })

  it('asks another where one is away, and remembers that it is', async () => {
    const away = `http://127.0.0.1:${await freePort()}`
    client = await createGuardClient({ servers: [away, urls()[0] as string] })
    for (let check = 0; check < 4; check++) {
      expect(await client.classify('How do I bake bread?')).toMatchObject({ server: urls()[0] })
    }
    expect(client.servers()).toMatchObject([
      { url: away, healthy: false },
      { url: urls()[0], healthy: true },
    ])
  })

  it('asks a second one where the first takes its time', async () => {
    const slow = createServer(() => {})
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
    const { port } = slow.address() as { port: number }
    try {
      client = await createGuardClient({
        servers: [`http://127.0.0.1:${port}`, urls()[1] as string],
        hedgeMs: 50,
      })
      for (let check = 0; check < 4; check++) {
        expect(await client.classify('How do I bake bread?')).toMatchObject({ server: urls()[1] })
      }
    } finally {
      slow.closeAllConnections()
      slow.close()
    }
  })

  it('is an error where all are overloaded, away, or too slow: never a verdict', async () => {
    const answers: Record<string, number> = { '/busy': 429, '/broken': 500, '/slow': 0 }
    const odd = createServer((request, response) => {
      const status = answers[`/${request.url?.split('/')[1]}`] ?? 404
      if (status > 0) response.writeHead(status, { 'retry-after-ms': '1234' }).end('{}')
    })
    await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve))
    const { port } = odd.address() as { port: number }
    const at = (path: string) => `http://127.0.0.1:${port}${path}`
    try {
      client = await createGuardClient({ servers: [at('/busy'), at('/busy')] })
      const busy = { code: 'ERR_BUSY', retryAfterMs: 1234 }
      await expect(client.classify('a text')).rejects.toMatchObject(busy)
      await client.close()
      client = await createGuardClient({ servers: [at('/broken'), at('/gone')] })
      await expect(client.classify('a text')).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
      await client.close()
      client = await createGuardClient({ servers: [at('/slow')], timeoutMs: 100 })
      await expect(client.classify('a text')).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
      const events = await all(client.moderate(PROMPT, slowly(PIECES)))
      expect(events).toMatchObject([
        { type: 'block', reason: 'failure', start: 0, error: { code: 'ERR_UNAVAILABLE' } },
        { type: 'end', action: 'block', verdict: { complete: false } },
      ])
    } finally {
      odd.closeAllConnections()
      odd.close()
    }
  })

  it('refuses a text that no server takes, without asking all', async () => {
    client = await createGuardClient({ servers: urls() })
    await expect(client.classify('loaf '.repeat(50_000))).rejects.toThrow(TypeError)
    expect(client.servers().every(({ healthy }) => healthy)).toBe(true)
  })

  it('moderates a reply as the guard here does', async () => {
    client = await createGuardClient({ servers: urls() })
    const guard = await StreamGuard.load({ model: 'demo-stream', threads: 1 })
    try {
      const options = { tokens: true, policy: { mode: 'strict' as const } }
      const here = await all(guard.moderate(PROMPT, slowly(PIECES), options))
      const there = await all(client.moderate(PROMPT, slowly(PIECES), options))
      expect(textOf(there)).toBe(textOf(here))
      const kinds = (events: ModerationEvent[]) =>
        events
          .filter(({ type }) => type !== 'text')
          .map((event) => [event.type, 'verdict' in event && risk(event)])
      // Pieces that wait go to a server in one, and tokens behind the one that blocks are judged with it: they follow the block.
      const block = there.findIndex(({ type }) => type === 'block')
      const comparable = there.filter(({ type }, at) => block === -1 || at < block || type !== 'token')
      expect(kinds(comparable)).toEqual(kinds(here))
    } finally {
      await guard.close()
    }
  })

  it(
    'goes on elsewhere when the server of a reply is killed, releases nothing twice and nothing unjudged',
    async () => {
      const [first, second] = [await serve(), await serve()]
      try {
        client = await createGuardClient({ servers: [first.url, second.url] })
        let killed: Serving | undefined
        const source = slowly(PIECES, async (at) => {
          if (at !== 30) return
          const holder = client.servers().find(({ inFlight }) => inFlight > 0)?.url
          killed = [first, second].find(({ url }) => url === holder) as Serving
          await kill(killed)
        })
        const events = await all(client.moderate(PROMPT, source, { tokens: true }))
        expect(killed).toBeDefined()
        expect(textOf(events)).toBe(PIECES.join(''))
        const indices = events.flatMap((event) => (event.type === 'token' ? [event.verdict.index] : []))
        expect(indices).toEqual(indices.map((_, index) => index))
        expect(events.filter(({ type }) => type === 'prompt')).toHaveLength(1)
        expect(events.at(-1)).toMatchObject({ type: 'end', verdict: { complete: true } })
        // Text comes behind the tokens that it was judged by.
        let judged = 0
        let out = 0
        for (const event of events) {
          if (event.type === 'token') judged = event.verdict.end
          if (event.type === 'text') {
            out += event.text.length
            expect(out).toBeLessThanOrEqual(judged)
          }
        }
      } finally {
        for (const one of [first, second]) await kill(one)
      }
    },
    LIMIT_MS,
  )

  it(
    'blocks where no server is left',
    async () => {
      const only = await serve()
      client = await createGuardClient({ servers: [only.url] })
      const source = slowly(PIECES, async (at) => {
        if (at === 30) await kill(only)
      })
      const events = await all(client.moderate(PROMPT, source))
      const out = textOf(events)
      expect(PIECES.join('').startsWith(out)).toBe(true)
      expect(events.slice(-2)).toMatchObject([
        { type: 'block', reason: 'failure', start: out.length, error: { code: 'ERR_UNAVAILABLE' } },
        { type: 'end', action: 'block', verdict: { complete: false } },
      ])
    },
    LIMIT_MS,
  )
})

function risk(event: ModerationEvent): unknown {
  if (event.type === 'token' || event.type === 'flag') return [event.verdict?.risk, event.verdict?.text]
  return event.type === 'end' ? event.verdict.safety : null
}

describe.skipIf(!REDIS)('a client of a queue', () => {
  it(
    'has the verdict of a worker, and an error where there is none',
    async () => {
      const server = await redis()
      const place = { connection: server.url, queue: 'live-checks' }
      const client = await createGuardClient({ ...place, timeoutMs: 1000 })
      try {
        const alone = client.classify('How do I bake bread?')
        await expect(alone).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
        const worker = await createGuardWorker({ ...place, gen: { model: 'demo-gen', threads: 1 } })
        await worker.ready()
        try {
          const asked = Array.from(
            { length: 20 },
            async (_, at) => await client.classify(`How do I bake ${at}?`, { timeoutMs: 20_000 }),
          )
          for (const verdict of await Promise.all(asked))
            expect(verdict).toMatchObject({ kind: 'gen', safety: 'Safe' })
          expect(worker.stats().checks).toBe(20)
          const wrong = client.classify('a text', { kind: 'stream', timeoutMs: 20_000 })
          await expect(wrong).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
          await expect(client.classify('loaf '.repeat(50_000), { timeoutMs: 20_000 })).rejects.toThrow(
            'ERR_TOO_LONG',
          )
          expect(() => client.moderate('a', slowly(['b']))).toThrow('Expected a client of `servers`')
        } finally {
          await worker.close()
        }
      } finally {
        await client.close()
        await server.stop()
      }
    },
    LIMIT_MS,
  )

  it('refuses more than may wait', async () => {
    const server = await redis()
    const client = await createGuardClient({ connection: server.url, maxWaiting: 2, timeoutMs: 3000 })
    try {
      const waiting = ['a', 'b'].map((text) =>
        client.classify(text).catch((error) => error as { code: string }),
      )
      await new Promise((resolve) => setTimeout(resolve, 500))
      await expect(client.classify('c')).rejects.toMatchObject({ code: 'ERR_BUSY', retryAfterMs: 1000 })
      expect((await Promise.all(waiting)).map((error) => 'code' in error && error.code)).toEqual([
        'ERR_UNAVAILABLE',
        'ERR_UNAVAILABLE',
      ])
    } finally {
      await client.close()
      await server.stop()
    }
  })
})
