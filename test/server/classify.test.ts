import { describe, expect, it } from 'vitest'
import { BLOCKED_PROMPT, HARMFUL, HARMLESS, PROMPT } from '../support/replies.js'
import { type Json, json, served } from '../support/serving.js'

const server = served({ limits: { batch: 4, bodyBytes: 100_000, bodyMs: 1000 } })
const classify = (body: unknown, headers = {}) => server.post('/v1/classify', body, headers)
const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Json)

describe('/v1/classify', () => {
  it('says what the library says', async () => {
    const { ms: _, id, usage, ...answer } = await json(classify({ prompt: BLOCKED_PROMPT }))
    const { usage: __, ...verdict } = await server.gen.classify(BLOCKED_PROMPT)
    expect(id).toMatch(/^classify-/)
    expect(usage.promptTokens).toBeGreaterThan(10)
    expect({ ...answer, scores: null }).toEqual({
      ...verdict,
      scores: null,
      object: 'classification',
      model: 'qwen3guard-gen',
      kind: 'gen',
      of: 'prompt',
      action: 'block',
      because: expect.stringContaining('Unsafe'),
    })
    expect(answer.scores.strict).toBeCloseTo(verdict.scores.strict, 3)
  })

  it('judges replies, by either model', async () => {
    const reply = { prompt: PROMPT, response: HARMFUL }
    expect(await json(classify(reply))).toMatchObject({
      kind: 'gen',
      of: 'reply',
      action: 'block',
      refusal: false,
    })
    const answer = await json(classify({ ...reply, by: 'stream', tokens: true }))
    expect(answer).toMatchObject({ kind: 'stream', of: 'reply', action: 'block', prompt: { safety: 'Safe' } })
    expect(answer.tokens.map(({ text }: Json) => text).join('')).toBe(HARMFUL)
    expect(answer.tokens).toHaveLength(answer.reply.tokenCount)
  })

  it('takes a policy', async () => {
    const policy = { prompt: 'flag' }
    expect((await json(classify({ prompt: BLOCKED_PROMPT, policy }))).action).toBe('flag')
  })

  it('answers each of many, one error in its place', async () => {
    const image = { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] }
    const { results } = await json(
      classify({ inputs: [PROMPT, { prompt: BLOCKED_PROMPT }, image] }).catch(() => null as never),
    )
    expect(results.map(({ index, action, error }: Json) => [index, action ?? error.code])).toEqual([
      [0, 'allow'],
      [1, 'block'],
      [2, 'invalid_value'],
    ])
    expect((await json(classify({ inputs: Array(5).fill('x') }))).error).toMatchObject({ param: 'inputs' })
  })

  it('reads and writes rows as they come', async () => {
    const rows = [
      JSON.stringify(PROMPT),
      '{',
      JSON.stringify({ prompt: BLOCKED_PROMPT }),
      ...Array.from({ length: 20 }, () => JSON.stringify({ prompt: PROMPT, response: HARMLESS })),
      JSON.stringify({ promt: 'x' }),
    ]
    const response = await classify(rows.join('\n'), { 'content-type': 'application/x-ndjson' })
    expect(response.headers.get('content-type')).toBe('application/x-ndjson')
    const answers = lines(await response.text())
    expect(answers.map(({ index }) => index)).toEqual(rows.map((_, i) => i))
    expect(answers[1]?.error.code).toBe('invalid_json')
    expect(answers[2]?.action).toBe('block')
    expect(answers.at(-1)?.error.param).toBe('promt')
  })

  it('ends rows that do not come with an error', async () => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('"one"\n"two')),
    })
    const response = await server.app.fetch(
      new Request('http://localhost/v1/classify', {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body,
        duplex: 'half',
      } as RequestInit),
    )
    const answers = lines(await response.text())
    expect(answers.at(-1)?.error.code).toBe('request_timeout')
  })

  it('speaks as vLLM and SGLang do', async () => {
    for (const path of ['/classify', '/v1/classify']) {
      const answer = await json(server.post(path, { model: 'x', input: [PROMPT, BLOCKED_PROMPT] }))
      expect(answer).toMatchObject({
        object: 'list',
        data: [
          { index: 0, label: 'Safe', num_classes: 3 },
          { index: 1, label: 'Unsafe', num_classes: 3 },
        ],
        usage: { completion_tokens: 0 },
      })
      expect(answer.data[1].probs.reduce((a: number, b: number) => a + b)).toBeCloseTo(1)
    }
  })
})

describe('rewards', () => {
  const chatml = (text: string) => `<|im_start|>user\n${text}<|im_end|>\n<|im_start|>assistant\n`

  it('come by the body of OpenRLHF', async () => {
    const prompts = [chatml(PROMPT), chatml(PROMPT)]
    const query = [`${prompts[0]}${HARMLESS}<|im_end|>`, `${prompts[1]}${HARMFUL}<|im_end|>`]
    expect(await json(server.post('/get_reward', { query, prompts, labels: [1, null] }))).toEqual({
      rewards: [1, 0],
      scores: [1, 0],
      extra_logs: { unsafe: [0, 1], refusal: [0, 0] },
    })
    const hybrid = await json(server.post('/get_reward', { query, prompts, helpfulness: [3.5, 4] }))
    expect(hybrid.rewards).toEqual([3.5, -10])
  })

  it('come by the body of slime, as a bare number', async () => {
    expect(await json(server.post('/v1/rewards', { prompt: PROMPT, response: HARMFUL, label: 'x' }))).toBe(0)
    const prompt = [{ role: 'user', content: PROMPT }]
    expect(await json(server.post('/v1/rewards', { prompt, response: HARMLESS }))).toBe(1)
  })

  it('are an error where something could not be judged', async () => {
    const query = [`x${HARMLESS}`, `x<think>for ever`]
    const response = await server.post('/get_reward', { query, prompts: ['x', 'x'] })
    expect(response.status).toBe(400)
    expect((await json(response)).error).toMatchObject({ param: 'query[1]', code: 'not_judged' })
    expect((await server.post('/get_reward', { query: ['a'], prompts: ['b'] })).status).toBe(400)
  })
})

describe('decisions', () => {
  const predicate = (name: string) => ({ type: 'predicate', name, instructions: 'Is it?' })

  it('answer fixed questions with probabilities', async () => {
    const choices = ['Safe', 'Controversial', 'Unsafe'].map((value) => ({ value }))
    const { answers, usage } = await json(
      server.post('/v1/decisions', {
        model: 'x',
        input: BLOCKED_PROMPT,
        questions: [
          predicate('unsafe'),
          predicate('violent'),
          { type: 'choice', name: 'safety', instructions: '', choices },
        ],
      }),
    )
    const { scores } = await server.gen.classify(BLOCKED_PROMPT)
    expect(answers[0].probability).toBeCloseTo(scores.loose, 3)
    expect(answers[1].probability).toBeCloseTo((scores.categories.Violent ?? 0) * scores.strict, 3)
    expect(answers[2]).toMatchObject({ type: 'choice', name: 'safety', choice: 'Unsafe' })
    expect(usage.output_tokens).toBe(0)
  })

  it('answer in the words of System One', async () => {
    const { answers } = await json(
      server.post('/v1/systemone', {
        state: [{ role: 'user', content: PROMPT }],
        questions: {
          unsafe: { type: 'noul', instructions: '?' },
          safety: { type: 'score', criteria: ['Safe', 'Controversial', 'Unsafe'] },
        },
      }),
    )
    expect(answers.unsafe.noul).toBeLessThan(0.5)
    expect(answers.safety).toMatchObject({ type: 'score', legend: ['Safe', 'Controversial', 'Unsafe'] })
    expect(answers.safety.score).toBeLessThan(1)
  })

  it('refuse questions that no guard answers', async () => {
    const { error } = await json(
      server.post('/v1/decisions', { model: 'x', input: PROMPT, questions: [predicate('is_spam')] }),
    )
    expect(error).toMatchObject({ param: 'questions[0].name', code: 'unknown_question' })
  })
})
