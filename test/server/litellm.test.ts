import { describe, expect, it } from 'vitest'
import { BLOCKED_PROMPT, HARMFUL, HARMLESS, PROMPT } from '../support/replies.js'
import { type Json, json, served } from '../support/serving.js'

const checks: { kind: string; of: string; tokens: number }[] = []
const server = served({
  observers: [
    {
      onCheck:
        ({ kind, of }) =>
        (end) => {
          if ('tokens' in end) checks.push({ kind, of, tokens: end.tokens })
        },
    },
  ],
})
const PATH = '/beta/litellm_basic_guardrail_api'
let count = 0
const callId = () => `call-${count++}`

/** What LiteLLM sends beside what matters, as its documentation has it. */
const AROUND = {
  request_data: { user_api_key_hash: 'x', user_api_key_alias: 'y', user_api_key_user_id: null },
  request_headers: { 'User-Agent': 'OpenAI/Python 2.17.0', 'X-Request-Id': '[present]' },
  litellm_version: '1.105.0',
  litellm_trace_id: 'trace',
  images: null,
  tools: [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } }],
}
const ask = (body: object) => json(server.post(PATH, { ...AROUND, ...body }, { 'x-api-key': 'any' }))
const request = (content: string, litellm_call_id: string) =>
  ask({
    input_type: 'request',
    texts: ['You are a helpful assistant', content],
    structured_messages: [
      { role: 'system', content: 'You are a helpful assistant' },
      { role: 'user', content },
    ],
    litellm_call_id,
  })
const response = (text: string, litellm_call_id: string, more: object = {}) =>
  ask({ input_type: 'response', texts: [text], litellm_call_id, ...more })

describe('a request of LiteLLM', () => {
  it('passes or is blocked, with the reason', async () => {
    expect(await request(PROMPT, callId())).toEqual({ action: 'NONE' })
    expect(await request(BLOCKED_PROMPT, callId())).toEqual({
      action: 'BLOCKED',
      blocked_reason: expect.stringContaining('Unsafe (Violent)'),
    })
  })

  it('judges texts that stand for themselves', async () => {
    const texts = [PROMPT, BLOCKED_PROMPT]
    expect((await ask({ input_type: 'request', texts, litellm_call_id: callId() })).action).toBe('BLOCKED')
  })

  it('is blocked for an image', async () => {
    const answer = await ask({
      input_type: 'request',
      texts: [PROMPT],
      images: ['aGk='],
      litellm_call_id: callId(),
    })
    expect(answer).toMatchObject({ action: 'BLOCKED', blocked_reason: expect.stringContaining('images') })
  })
})

describe('a reply that LiteLLM sends again as it grows', () => {
  it('is judged once: each call costs what is new', async () => {
    const id = callId()
    await request(PROMPT, id)
    const text = HARMLESS
    checks.length = 0
    // Where a model's tokens end: half a word is judged as the word that it might be.
    const ends = [...text.matchAll(/\S+\s+(?:\S+\s+){0,1}/gu)].map(
      ({ index, 0: words }) => index + words.length,
    )
    for (const end of ends) {
      const answer = await response(text.slice(0, end), id)
      expect(answer.action).toBe('NONE')
      expect(answer.stream_holdback_chars).toHaveLength(1)
    }
    const judged = checks.filter(({ of }) => of === 'reply').reduce((sum, { tokens }) => sum + tokens, 0)
    const { tokens } = await json(
      server.post('/v1/classify', { prompt: PROMPT, response: text, by: 'stream', tokens: true }),
    )
    expect(judged).toBeLessThanOrEqual(tokens.length)
  })

  it('is blocked as soon as it is known, and stays so', async () => {
    const id = callId()
    const text = HARMLESS + HARMFUL
    const actions: string[] = []
    for (let end = 20; end < text.length + 20; end += 20)
      actions.push((await response(text.slice(0, end), id)).action)
    expect(actions[0]).toBe('NONE')
    const first = actions.indexOf('BLOCKED')
    expect(first).toBeGreaterThan(0)
    expect(actions.slice(first).every((action) => action === 'BLOCKED')).toBe(true)
  })

  it('is judged anew where the text is another', async () => {
    const id = callId()
    expect((await response(HARMLESS, id)).action).toBe('NONE')
    expect((await response(HARMFUL, id)).action).toBe('BLOCKED')
    expect((await response(HARMLESS, id)).action).toBe('NONE')
  })

  it('is cut where it is asked for, in either form of the field', async () => {
    for (const holdback of ['list', 'number'] as const) {
      const answer = await response(HARMLESS + HARMFUL, callId(), {
        additional_provider_specific_params: { on_block: 'truncate', holdback },
      })
      expect(answer).toEqual({
        action: 'GUARDRAIL_INTERVENED',
        texts: [expect.any(String)],
        stream_holdback_chars: holdback === 'list' ? [0] : 0,
      })
      expect((HARMLESS + HARMFUL).startsWith(answer.texts[0])).toBe(true)
      expect(answer.texts[0]).not.toContain('steal')
    }
  })

  it('judges what tools are called with', async () => {
    const tool_calls = [
      {
        id: 'c',
        type: 'function',
        function: { name: 'write', arguments: JSON.stringify({ note: HARMFUL }) },
      },
    ]
    expect((await response(HARMLESS, callId(), { tool_calls })).action).toBe('BLOCKED')
  })

  it('keeps many calls apart, and gives places back', async () => {
    const ids = Array.from({ length: 20 }, callId)
    await Promise.all(ids.map((id) => request(PROMPT, id)))
    for (const end of [30, 60, HARMLESS.length]) {
      const answers = await Promise.all(ids.map((id) => response(HARMLESS.slice(0, end), id)))
      expect(answers.every(({ action }: Json) => action === 'NONE')).toBe(true)
    }
    expect(server.stream.stats().openSequences).toBeLessThanOrEqual(4)
  })
})

describe('the webhooks of agentgateway', () => {
  it('pass, reject and mask', async () => {
    const asked = (content: string) =>
      json(server.post('/request', { body: { messages: [{ role: 'user', content }] } }))
    expect((await asked(PROMPT)).action).toEqual({ reason: expect.any(String) })
    expect((await asked(BLOCKED_PROMPT)).action).toMatchObject({ status_code: 403, body: expect.any(String) })
    const choices = [HARMLESS, HARMFUL].map((content) => ({ message: { role: 'assistant', content } }))
    const { action } = await json(server.post('/response', { body: { choices } }))
    expect(action.body.choices[0].message.content).toBe(HARMLESS)
    expect(action.body.choices[1].message.content).not.toContain('bomb')
  })
})
