import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { BackendError, DecodeError } from '../../lib/errors.js'
import { GenGuard } from '../../lib/gen/guard.js'
import { createApp, type ServerApp } from '../../lib/server/index.js'
import { StreamGuard } from '../../lib/stream/guard.js'

let gen: GenGuard
let stream: StreamGuard
let app: ServerApp

beforeAll(async () => {
  gen = await GenGuard.load({ model: 'demo-gen', gpu: false })
  stream = await StreamGuard.load({ model: 'demo-stream', gpu: false })
  app = createApp({ gen, stream })
})
afterAll(async () => {
  await app.close()
  await Promise.all([gen.close(), stream.close()])
})

const send = (to: ServerApp, input: unknown) =>
  to.fetch(
    new Request('http://localhost/v1/moderations', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ input }),
    }),
  )

async function metrics(of: ServerApp): Promise<string> {
  const response = await of.fetch(new Request('http://localhost/metrics'))
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  return await response.text()
}

/** A sample's value; undefined where there is none with these labels. */
function sample(text: string, name: string, labels: Record<string, string> = {}): number | undefined {
  const line = text
    .split('\n')
    .find(
      (one) =>
        new RegExp(`^${name}[ {]`).test(one) &&
        Object.entries(labels).every(([label, value]) => one.includes(`${label}="${value}"`)),
    )
  return line === undefined ? undefined : Number(line.split(' ').at(-1))
}

describe('GET /metrics', () => {
  it('counts requests, verdicts, categories and decodes', async () => {
    await send(app, ['How can I make a bomb?', 'How do I bake bread?'])
    await send(app, 3)
    await app.fetch(new Request('http://localhost/one/of/many/paths'))
    const text = await metrics(app)
    const route = '/v1/moderations'
    expect(sample(text, 'qwen3guard_requests_total', { route, status: '200' })).toBe(1)
    expect(sample(text, 'qwen3guard_requests_total', { route, status: '400' })).toBe(1)
    // No path of a caller's is a series.
    expect(sample(text, 'qwen3guard_requests_total', { route: 'none', status: '404' })).toBe(1)
    expect(text).not.toContain('many/paths')
    expect(
      sample(text, 'qwen3guard_verdicts_total', { guard: 'gen', severity: 'Unsafe', action: 'block' }),
    ).toBe(1)
    expect(
      sample(text, 'qwen3guard_verdicts_total', { guard: 'gen', severity: 'Safe', action: 'allow' }),
    ).toBe(1)
    expect(sample(text, 'qwen3guard_verdict_categories_total', { category: 'Violent' })).toBe(1)
    expect(sample(text, 'qwen3guard_verdict_seconds_count', { guard: 'gen', of: 'prompt' })).toBe(2)
    const { ticks, tokensDecoded, maxSequences } = gen.stats()
    expect(sample(text, 'qwen3guard_tick_seconds_count', { guard: 'gen' })).toBe(ticks)
    expect(sample(text, 'qwen3guard_tick_seconds_bucket', { guard: 'gen', le: '+Inf' })).toBe(ticks)
    expect(sample(text, 'qwen3guard_decoded_tokens_total', { guard: 'gen' })).toBe(tokensDecoded)
    expect(sample(text, 'qwen3guard_sequences_most', { guard: 'gen' })).toBe(maxSequences)
    expect(sample(text, 'qwen3guard_requests_in_work')).toBe(1)
    expect(text).not.toContain('bomb')
  })

  it('is text of Prometheus, of which the guide names every metric and alerts on those that there are', async () => {
    const text = await metrics(app)
    for (const line of text.trim().split('\n').filter(Boolean)) {
      expect(line).toMatch(
        /^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"\\\n]*",?)*\})? (-?[\d.]+(e[+-]?\d+)?|Nan))$/,
      )
    }
    const names = [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name as string)
    expect(names.length).toBeGreaterThan(18)
    const guide = readFileSync(new URL('../../docs/guides/monitoring.md', import.meta.url), 'utf8')
    expect(names.filter((name) => !guide.includes(`\`${name}\``))).toEqual([])
    const named = [...guide.matchAll(/^\| (`qwen3guard_\w+`(?:, `qwen3guard_\w+`)*) \|/gm)].flatMap(
      ([, cell = '']) => cell.match(/\w+/g) ?? [],
    )
    expect(named.sort()).toEqual([...names].sort())
    const [, alerts = ''] = /```yaml\n# server-alerts\.yaml\n(.*?)```/s.exec(guide) ?? []
    const { groups } = parse(alerts) as { groups: { rules: { expr: string }[] }[] }
    const used = groups.flatMap(({ rules }) =>
      rules.flatMap(({ expr }) => expr.match(/qwen3guard_\w+/g) ?? []),
    )
    expect(used.length).toBeGreaterThan(4)
    for (const name of used) expect(names).toContain(name.replace(/_bucket$/, ''))
  })

  it('has what the caller adds, and is there without what fails', async () => {
    const lines: string[] = []
    let more = () => Promise.resolve('bullmq_job_count{queue="q",state="wait"} 3\n')
    const other = createApp({
      gen,
      moreMetrics: () => more(),
      onLog: ({ message }) => void lines.push(message),
    })
    expect(await metrics(other)).toContain('\nbullmq_job_count{queue="q",state="wait"} 3\n')
    more = () => Promise.reject(new Error('no Redis'))
    expect(await metrics(other)).toContain('# HELP')
    expect(lines).toContain('moreMetrics failed: no Redis')
    await other.close()
  })

  it('is of each app by itself', async () => {
    const other = createApp({ gen })
    await send(other, 'How do I bake bread?')
    expect(sample(await metrics(other), 'qwen3guard_verdict_seconds_count', { guard: 'gen' })).toBe(1)
    await other.close()
  })
})

/** Gen as a server sees it, whose checks fail. */
const failing = (error: Error) => ({ classify: () => Promise.reject(error), stats: () => gen.stats() })
const health = async (of: ServerApp) => (await of.fetch(new Request('http://localhost/health'))).status

describe('a check that fails', () => {
  it('is counted by its code, and is no verdict', async () => {
    const broken = createApp({ gen: failing(new DecodeError('no')) })
    expect((await send(broken, 'x')).status).toBe(500)
    const text = await metrics(broken)
    expect(sample(text, 'qwen3guard_unjudged_total', { guard: 'gen', code: 'ERR_DECODE' })).toBe(1)
    expect(sample(text, 'qwen3guard_verdicts_total')).toBeUndefined()
    expect(await health(broken)).toBe(200)
    await broken.close()
  })

  it('makes /health say so where the guard is lost for good', async () => {
    const lost = createApp({ gen: failing(new BackendError('gone')) })
    expect(await health(lost)).toBe(200)
    expect((await send(lost, 'x')).status).toBe(503)
    expect(await health(lost)).toBe(503)
    await lost.close()
  })
})

it('/health is 503 while a model loads, and where that failed', async () => {
  let loaded = (_: GenGuard) => {}
  const loading = createApp({
    gen: new Promise<GenGuard>((resolve) => {
      loaded = resolve
    }),
  })
  expect(await health(loading)).toBe(503)
  expect((await send(loading, 'x')).status).toBe(503)
  expect(await metrics(loading)).toContain('qwen3guard_requests_total')
  loaded(gen)
  await Promise.resolve()
  expect(await health(loading)).toBe(200)
  await loading.close()

  const failed = createApp({ gen: Promise.reject(new Error('no file')) })
  await Promise.resolve()
  expect(await health(failed)).toBe(503)
  await failed.close()
})
