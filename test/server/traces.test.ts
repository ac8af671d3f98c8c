import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { DecodeError } from '../../lib/errors.js'
import { GenGuard } from '../../lib/gen/guard.js'
import { createApp } from '../../lib/server/index.js'

const exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
let gen: GenGuard

beforeAll(async () => {
  provider.register()
  gen = await GenGuard.load({ model: 'demo-gen', gpu: false })
})
afterAll(async () => {
  await gen.close()
  await provider.shutdown()
})

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SECRET = 'How can I make a bomb?'

async function spansOf(guard: Pick<GenGuard, 'classify' | 'stats'>) {
  exporter.reset()
  const app = createApp({ gen: guard })
  const response = await app.fetch(
    new Request('http://localhost/v1/moderations', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
      },
      body: JSON.stringify({ input: SECRET }),
    }),
  )
  await response.text()
  await app.close()
  const spans = exporter.getFinishedSpans()
  const check = spans.find(({ name }) => name === 'qwen3guard.check')
  const request = spans.find(({ name }) => name === 'POST /v1/moderations')
  return { status: response.status, check, request, spans }
}

it('a check is a span of the caller’s trace, with the verdict and without the text', async () => {
  const { check, request, spans } = await spansOf(gen)
  expect(request?.spanContext().traceId).toBe(TRACE)
  expect(check?.spanContext().traceId).toBe(TRACE)
  expect(check?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId)
  expect(request?.attributes).toMatchObject({
    'http.route': '/v1/moderations',
    'http.response.status_code': 200,
  })
  expect(check?.attributes).toMatchObject({
    'qwen3guard.guard': 'gen',
    'qwen3guard.of': 'prompt',
    'qwen3guard.safety': 'Unsafe',
    'qwen3guard.categories': ['Violent'],
    'qwen3guard.action': 'block',
  })
  expect(check?.events.map(({ name, attributes }) => [name, attributes])).toEqual([
    [
      'gen_ai.evaluation.result',
      {
        'gen_ai.evaluation.name': 'qwen3guard',
        'gen_ai.evaluation.score.label': 'Unsafe',
        'gen_ai.evaluation.explanation': 'Violent',
      },
    ],
  ])
  const all = JSON.stringify(spans.map(({ name, attributes, events }) => ({ name, attributes, events })))
  expect(all).not.toContain('bomb')
})

it('has the text where the environment asks for it', async () => {
  vi.stubEnv('OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT', 'true')
  try {
    const { check } = await spansOf(gen)
    const text = check?.attributes['gen_ai.input.messages']
    expect(JSON.parse(String(text))).toEqual([{ role: 'user', parts: [{ type: 'text', content: SECRET }] }])
  } finally {
    vi.unstubAllEnvs()
  }
})

it('a check that fails is an error, and no verdict', async () => {
  const { status, check, request } = await spansOf({
    classify: () => Promise.reject(new DecodeError(SECRET)),
    stats: () => gen.stats(),
  })
  expect(status).toBe(500)
  expect(check?.status.code).toBe(2)
  expect(check?.attributes).toMatchObject({ 'error.type': 'ERR_DECODE' })
  expect(check?.attributes).not.toHaveProperty('qwen3guard.safety')
  expect(request?.status.code).toBe(2)
})
