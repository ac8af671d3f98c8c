import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { moderateChat, moderateResponse } from '../lib/adapters/openai.js'
import { type ModerationEvent, type Policy, StreamGuard } from '../lib/index.js'
import {
  BLOCKED_PROMPT,
  collect,
  HARMFUL,
  HARMLESS,
  PROMPT,
  pieces,
  released,
  stream,
} from './support/replies.js'
import { type Reply, SseServer } from './support/sse-server.js'

type OpenAI = import('openai').OpenAI
type Chunk = import('openai').OpenAI.ChatCompletionChunk
type Delta = Record<string, unknown>

/** The majors that are supported; the newest needs a newer Node than the rest. */
const MAJORS = [
  { major: 6, node: 20, load: async () => (await import('openai-6')) as unknown as typeof import('openai') },
  { major: 7, node: 22, load: async () => await import('openai') },
].filter(({ node }) => Number(process.versions.node.split('.')[0]) >= node)

const REPLACEMENT = '[withheld]'
const REASONING = 'The user wants ideas for the weekend, so I list a few things to do. '
const MESSAGES = [
  { role: 'developer' as const, content: 'Be brief.' },
  { role: 'user' as const, content: [{ type: 'text' as const, text: PROMPT }] },
]

function chunk(delta: Delta, more: object = {}, index = 0): object {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'test',
    choices: [{ index, delta, logprobs: null, finish_reason: null, ...more }],
  }
}

function contents(text: string, field = 'content', index = 0): object[] {
  return pieces(text).map((piece) => chunk({ [field]: piece }, {}, index))
}

const start = (index = 0) => chunk({ role: 'assistant', content: '', refusal: null }, {}, index)
const stop = (finish_reason = 'stop', index = 0) => chunk({}, { finish_reason }, index)
const TOOL_CALL = [
  chunk({
    tool_calls: [{ index: 0, id: 'call', type: 'function', function: { name: 'weather', arguments: '' } }],
  }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":"Paris"}' } }] }),
]

function textOf(chunks: readonly Chunk[], field = 'content', index = 0): string {
  return chunks
    .flatMap(({ choices }) => choices.filter((choice) => choice.index === index))
    .map(({ delta }) => (delta as Delta)[field] ?? '')
    .join('')
}

const finishes = (chunks: readonly Chunk[]) =>
  chunks.flatMap(({ choices }) =>
    choices.flatMap(({ index, finish_reason }) => (finish_reason ? [`${index} ${finish_reason}`] : [])),
  )

let guard: StreamGuard
beforeAll(async () => {
  guard = await StreamGuard.load()
})
afterAll(() => guard?.close())

describe.each(MAJORS)('OpenAI SDK $major', ({ load }) => {
  const server = new SseServer()
  let client: OpenAI

  beforeAll(async () => {
    const { OpenAI } = await load()
    const baseURL = await server.listen()
    client = new OpenAI({ apiKey: 'none', baseURL, maxRetries: 0 })
  })
  afterAll(() => server.close())

  describe('moderateChat', () => {
    async function request(reply: Reply, body: object = {}) {
      server.replies.push(reply)
      const messages = MESSAGES as Parameters<OpenAI['chat']['completions']['create']>[0]['messages']
      return await client.chat.completions.create({ model: 'test', messages, stream: true, ...body })
    }

    async function chunksOf(
      reply: Reply,
      options: Parameters<typeof moderateChat>[3] = {},
      messages: unknown = MESSAGES,
    ) {
      const chunks = await collect(
        moderateChat(guard, messages as typeof MESSAGES, await request(reply), options),
      )
      expect(guard.stats().openSequences).toBe(0)
      return chunks
    }

    it('passes a completion on, text and the rest in their order', async () => {
      const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
      const logprobs = {
        content: [{ token: 'Sun', logprob: -1, bytes: [], top_logprobs: [] }],
        refusal: null,
      }
      const chunks = await chunksOf({
        events: [
          start(),
          ...contents(HARMLESS),
          chunk({ content: 'Sun' }, { logprobs }),
          ...TOOL_CALL,
          stop('tool_calls'),
          { ...chunk({}), choices: [], usage },
        ],
      })
      expect(textOf(chunks)).toBe(`${HARMLESS}Sun`)
      expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' })
      expect(chunks.slice(-5)).toMatchObject([
        { choices: [{ delta: { content: 'Sun' }, logprobs }] },
        { id: 'chatcmpl-1', choices: [{ delta: { tool_calls: [{ id: 'call' }] } }] },
        { choices: [{ delta: { tool_calls: [{ function: { arguments: '{"city":"Paris"}' } }] } }] },
        { choices: [{ delta: {}, finish_reason: 'tool_calls' }] },
        { choices: [], usage },
      ])
    })

    it('ends with the filter as the reason when it blocks, and aborts the request', async () => {
      const before = server.aborted
      const events: ModerationEvent[] = []
      const chunks = await chunksOf(
        { events: [start(), ...contents(HARMLESS + HARMFUL), ...TOOL_CALL], silent: true },
        { replacement: REPLACEMENT, onEvent: (event) => events.push(event) },
      )
      const expected = await released(guard, HARMLESS + HARMFUL)
      expect(textOf(chunks)).toBe(expected + REPLACEMENT)
      expect(finishes(chunks)).toEqual(['0 content_filter'])
      expect(chunks.at(-1)).toMatchObject({ id: 'chatcmpl-1', model: 'test', choices: [{ delta: {} }] })
      expect(JSON.stringify(chunks)).not.toContain('tool_calls')
      expect(events.find(({ type }) => type === 'block')).toMatchObject({ start: expected.length })
      await expect.poll(() => server.aborted).toBe(before + 1)
    })

    it('shows nothing of a reply to a prompt that is blocked, be it a tool call', async () => {
      for (const reply of [contents(HARMLESS), TOOL_CALL]) {
        const chunks = await chunksOf({ events: [start(), ...reply], silent: true }, {}, BLOCKED_PROMPT)
        expect(textOf(chunks)).toBe('')
        expect(JSON.stringify(chunks)).not.toContain('tool_calls')
        expect(finishes(chunks)).toEqual(['0 content_filter'])
      }
    })

    it('judges each choice by itself', async () => {
      const [a, b] = [pieces(HARMLESS + HARMFUL), pieces(HARMLESS.repeat(3))]
      const mixed = b.flatMap((piece, i) => [
        ...(a[i] === undefined ? [] : [chunk({ content: a[i] }, {}, 0)]),
        chunk({ content: piece }, {}, 1),
      ])
      const chunks = await chunksOf({
        events: [start(0), start(1), ...mixed, stop('stop', 0), stop('stop', 1)],
      })
      expect(textOf(chunks, 'content', 0)).toBe(await released(guard, HARMLESS + HARMFUL))
      expect(textOf(chunks, 'content', 1)).toBe(HARMLESS.repeat(3))
      expect(finishes(chunks).sort()).toEqual(['0 content_filter', '1 stop'])
    })

    it('judges refusals and reasoning, and leaves out what may hold text that it does not know', async () => {
      const events = [
        start(),
        ...contents(REASONING, 'reasoning_content'),
        chunk({ reasoning_details: [{ text: HARMFUL }], audio: { transcript: HARMFUL } }),
        ...contents(HARMLESS),
        stop(),
      ]
      const passed = await chunksOf({ events })
      expect(textOf(passed, 'reasoning_content')).toBe(REASONING)
      expect(textOf(passed)).toBe(HARMLESS)
      expect(JSON.stringify(passed)).not.toContain('customers')
      // The answer does not wait for the end of the stream because the reasoning's last word does.
      const kinds = passed.flatMap(({ choices }) => choices.flatMap(({ delta }) => Object.keys(delta)))
      expect(kinds.lastIndexOf('reasoning_content')).toBeLessThan(kinds.lastIndexOf('content'))

      for (const field of ['reasoning_content', 'reasoning', 'refusal']) {
        const blocked = await chunksOf({
          events: [start(), ...contents(REASONING + HARMFUL, field), ...contents(HARMLESS), stop()],
        })
        expect(textOf(blocked, field)).toBe(await released(guard, REASONING + HARMFUL, field !== 'refusal'))
        expect(textOf(blocked)).toBe('')
        expect(finishes(blocked)).toEqual(['0 content_filter'])
      }
    })

    it('ends with an abort, with what breaks the stream, and when its reader goes', async () => {
      const silent = { events: [start(), ...contents(HARMLESS)], silent: true }
      const abort = new AbortController()
      const reading = async () => {
        for await (const _ of moderateChat(guard, PROMPT, await request(silent), { signal: abort.signal })) {
          setTimeout(() => abort.abort(new Error('enough')), 10)
        }
      }
      await expect(reading()).rejects.toThrow('enough')
      await expect.poll(() => server.aborted).toBeGreaterThan(0)
      const before = server.aborted
      for await (const part of moderateChat(guard, PROMPT, await request(silent))) {
        if (part.choices[0]?.delta.content) break
      }
      await expect.poll(() => server.aborted).toBe(before + 1)
      const broken = await request({ ...silent, silent: false, broken: true })
      await expect(collect(moderateChat(guard, PROMPT, broken))).rejects.toThrow()
      expect(guard.stats().openSequences).toBe(0)
    })

    it('is a completion to another client', async () => {
      const proxied = new SseServer()
      const { OpenAI } = await load()
      const other = new OpenAI({ apiKey: 'none', baseURL: await proxied.listen(), maxRetries: 0 })
      for (const [text, reason] of [
        [HARMLESS, 'stop'],
        [HARMLESS + HARMFUL, 'content_filter'],
      ] as const) {
        proxied.replies.push({
          events: await chunksOf(
            { events: [start(), ...contents(text), stop()] },
            { replacement: REPLACEMENT },
          ),
        })
        const helper = other.chat.completions.stream({
          model: 'test',
          messages: [{ role: 'user', content: PROMPT }],
        })
        const choice = (await helper.finalChatCompletion()).choices[0]
        expect(choice?.finish_reason).toBe(reason)
        expect(choice?.message.content).toBe(
          reason === 'stop' ? text : (await released(guard, text)) + REPLACEMENT,
        )
      }
      await proxied.close()
    })
  })

  describe('moderateResponse', () => {
    const messageItem = (index: number) => ({ id: `msg_${index}`, type: 'message', role: 'assistant' })
    const reasoningItem = { id: 'rs_1', type: 'reasoning' }
    const response = (more: object = {}) => ({
      id: 'resp_1',
      object: 'response',
      created_at: 1,
      model: 'test',
      status: 'in_progress',
      output: [],
      error: null,
      incomplete_details: null,
      instructions: null,
      metadata: {},
      parallel_tool_calls: true,
      temperature: 1,
      tool_choice: 'auto',
      tools: [],
      top_p: 1,
      ...more,
    })
    const part = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] })
    const numbered = (events: object[]) => events.map((event, i) => ({ ...event, sequence_number: i }))

    function message(text: string, index: number): object[] {
      const item = messageItem(index)
      const at = { item_id: item.id, output_index: index, content_index: 0 }
      return [
        {
          type: 'response.output_item.added',
          output_index: index,
          item: { ...item, status: 'in_progress', content: [] },
        },
        { type: 'response.content_part.added', ...at, part: part('') },
        ...pieces(text).map((delta) => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
        { type: 'response.output_text.done', ...at, text, logprobs: [] },
        { type: 'response.content_part.done', ...at, part: part(text) },
        {
          type: 'response.output_item.done',
          output_index: index,
          item: { ...item, status: 'completed', content: [part(text)] },
        },
      ]
    }

    function summary(text: string): object[] {
      const at = { item_id: reasoningItem.id, output_index: 0, summary_index: 0 }
      const whole = { type: 'summary_text', text }
      return [
        { type: 'response.output_item.added', output_index: 0, item: { ...reasoningItem, summary: [] } },
        { type: 'response.reasoning_summary_part.added', ...at, part: { type: 'summary_text', text: '' } },
        ...pieces(text).map((delta) => ({ type: 'response.reasoning_summary_text.delta', ...at, delta })),
        { type: 'response.reasoning_summary_text.done', ...at, text },
        { type: 'response.reasoning_summary_part.done', ...at, part: whole },
        { type: 'response.output_item.done', output_index: 0, item: { ...reasoningItem, summary: [whole] } },
      ]
    }

    const begin = [
      { type: 'response.created', response: response() },
      { type: 'response.in_progress', response: response() },
    ]

    function whole(reasoning: string, text: string): object[] {
      const output = [
        { ...reasoningItem, summary: [{ type: 'summary_text', text: reasoning }] },
        { ...messageItem(1), status: 'completed', content: [part(text)] },
      ]
      return numbered([
        ...begin,
        ...summary(reasoning),
        ...message(text, 1),
        { type: 'response.completed', response: response({ status: 'completed', output }) },
      ])
    }

    async function request(reply: Reply) {
      server.replies.push(reply)
      return await client.responses.create({ model: 'test', input: PROMPT, stream: true })
    }

    async function eventsOf(
      reply: Reply,
      options: Parameters<typeof moderateResponse>[3] = {},
      input: unknown = PROMPT,
    ) {
      const events = await collect(moderateResponse(guard, input as string, await request(reply), options))
      expect(guard.stats().openSequences).toBe(0)
      // One after the other, whatever was left out or cut.
      expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i))
      return events
    }

    const textOf = (events: readonly { type: string; delta?: unknown }[], kind = 'output_text') =>
      events.map((event) => (event.type === `response.${kind}.delta` ? event.delta : '')).join('')

    /** What the SDK's own helper makes of the events; it refuses a stream that is not well-formed. */
    async function accumulated(events: readonly object[]) {
      const { OpenAI } = await load()
      const proxied = new SseServer()
      const other = new OpenAI({ apiKey: 'none', baseURL: await proxied.listen(), maxRetries: 0 })
      proxied.replies.push({ events })
      const final = await other.responses.stream({ model: 'test', input: PROMPT }).finalResponse()
      await proxied.close()
      return final
    }

    it('passes a response on as it is', async () => {
      const sent = whole(REASONING, HARMLESS)
      const events = await eventsOf({ events: sent })
      expect(textOf(events)).toBe(HARMLESS)
      expect(textOf(events, 'reasoning_summary_text')).toBe(REASONING)
      const types = (list: readonly { type: string }[]) =>
        list.map(({ type }) => type).filter((type) => !type.endsWith('.delta'))
      expect(types(events)).toEqual(types(sent as { type: string }[]))
      expect((await accumulated(events)).output_text).toBe(HARMLESS)
    })

    it('ends as an incomplete response when it blocks, and aborts the request', async () => {
      const before = server.aborted
      const sent = numbered([...begin, ...summary(REASONING), ...message(HARMLESS + HARMFUL, 1).slice(0, -3)])
      const events = await eventsOf({ events: sent, silent: true }, { replacement: REPLACEMENT })
      const expected = await released(guard, HARMLESS + HARMFUL)
      expect(textOf(events)).toBe(expected + REPLACEMENT)
      expect(events.at(-1)).toMatchObject({
        type: 'response.incomplete',
        response: { id: 'resp_1', status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
      })
      expect(JSON.stringify(events)).not.toContain('customers')
      const final = await accumulated(events)
      expect(final).toMatchObject({
        status: 'incomplete',
        incomplete_details: { reason: 'content_filter' },
        output: [
          { type: 'reasoning', summary: [{ text: REASONING }] },
          { type: 'message', status: 'incomplete', content: [{ text: expected }] },
          { type: 'message', status: 'completed', content: [{ text: REPLACEMENT }] },
        ],
      })
      await expect.poll(() => server.aborted).toBe(before + 1)
    })

    it('judges summaries of reasoning, and what a response repeats otherwise than it came', async () => {
      const reasoning = await eventsOf({ events: whole(REASONING + HARMFUL, HARMLESS) })
      expect(textOf(reasoning, 'reasoning_summary_text')).toBe(
        await released(guard, REASONING + HARMFUL, true),
      )
      expect(textOf(reasoning)).toBe('')
      expect((await accumulated(reasoning)).incomplete_details?.reason).toBe('content_filter')

      const smuggled = whole(REASONING, HARMLESS).map((event) =>
        JSON.parse(
          JSON.stringify(event, (key, value) =>
            key === 'text' && value === HARMLESS ? HARMLESS + HARMFUL : value,
          ),
        ),
      )
      const events = await eventsOf({ events: smuggled })
      expect(textOf(events)).toBe(HARMLESS)
      expect(JSON.stringify(events)).not.toContain('customers')
      expect(events.at(-1)?.type).toBe('response.incomplete')

      const harmless = whole(REASONING, '').map((event) =>
        JSON.parse(
          JSON.stringify(event, (key, value) => (key === 'text' && value === '' ? HARMLESS : value)),
        ),
      )
      expect((await accumulated(await eventsOf({ events: harmless }))).output_text).toBe(HARMLESS)
    })

    it('judges refusals and reasoning, and leaves out audio and deltas that it does not know', async () => {
      for (const [kind, type, field] of [
        ['refusal', 'refusal', 'refusal'],
        ['reasoning_text', 'reasoning_text', 'text'],
      ] as const) {
        const at = { item_id: 'item_1', output_index: 0, content_index: 0 }
        const ofItem =
          type === 'refusal' ? { ...messageItem(1), content: [] } : { ...reasoningItem, summary: [] }
        const added = { ...ofItem, id: at.item_id }
        const sent = numbered([
          ...begin,
          { type: 'response.output_item.added', output_index: 0, item: added },
          { type: 'response.content_part.added', ...at, part: { type, [field]: '' } },
          { type: 'response.audio.transcript.delta', delta: HARMFUL },
          { type: 'response.thoughts.delta', ...at, delta: HARMFUL },
          ...pieces(REASONING + HARMFUL).map((delta) => ({ type: `response.${kind}.delta`, ...at, delta })),
        ])
        const events = await eventsOf({ events: sent })
        const expected = await released(guard, REASONING + HARMFUL, type === 'reasoning_text')
        expect(textOf(events, kind)).toBe(expected)
        expect(JSON.stringify(events)).not.toContain('customers')
        expect((await accumulated(events)).output).toMatchObject([
          { status: 'incomplete', content: [{ type, [field]: expected }] },
        ])
      }
    })

    it('lets a tool call wait for the text before it, and closes it when a block comes after', async () => {
      const call = { id: 'fc_1', type: 'function_call', call_id: 'call', name: 'weather', arguments: '' }
      const toolCall = [
        { type: 'response.output_item.added', output_index: 1, item: { ...call, status: 'in_progress' } },
        {
          type: 'response.function_call_arguments.delta',
          item_id: 'fc_1',
          output_index: 1,
          delta: '{"city":',
        },
      ]
      const sent = numbered([...begin, ...message(HARMLESS, 0), ...toolCall, ...message(HARMFUL, 2)])
      const events = await eventsOf({ events: sent })
      const at = events.findIndex(({ type }) => type === 'response.function_call_arguments.delta')
      expect(textOf(events.slice(0, at))).toBe(HARMLESS)
      const final = await accumulated(events)
      expect(final.output).toMatchObject([
        { type: 'message', status: 'completed' },
        { type: 'function_call', status: 'incomplete' },
        { type: 'message', status: 'incomplete', content: [{ text: await released(guard, HARMFUL) }] },
      ])
    })

    it('shows nothing of a reply to a prompt that is blocked', async () => {
      const input = [
        { role: 'user', content: [{ type: 'input_text', text: BLOCKED_PROMPT }] },
        { type: 'function_call', call_id: 'call', name: 'weather', arguments: '{}' },
        { type: 'function_call_output', call_id: 'call', output: 'sunny' },
      ]
      const events = await eventsOf(
        { events: numbered([...begin, ...message(HARMLESS, 0)]), silent: true },
        {},
        input,
      )
      expect(textOf(events)).toBe('')
      const final = await accumulated(events)
      expect(final).toMatchObject({ status: 'incomplete', output: [] })
    })

    it('shows nothing when the guard fails, unless the policy says so', async () => {
      const closed = await StreamGuard.load()
      await closed.close()
      const run = async (policy: Policy) =>
        await collect(
          moderateResponse(closed, PROMPT, await request({ events: whole(REASONING, HARMLESS) }), { policy }),
        )
      expect(JSON.stringify(await run({}))).not.toContain('weather')
      expect(textOf(await run({ onFailure: 'allow' }))).toBe(HARMLESS)
    })
  })
})

describe('moderateChat and moderateResponse', () => {
  it('take any async iterable, stop it, and let a Conversation judge', async () => {
    await using conversation = await guard.conversation()
    let stopped = false
    async function* source() {
      try {
        yield* contents(HARMLESS + HARMFUL) as Chunk[]
        await new Promise((resolve) => setTimeout(resolve, 20))
        yield stop() as Chunk
      } finally {
        stopped = true
      }
    }
    const chunks = await collect(moderateChat(conversation, PROMPT, source()))
    expect(finishes(chunks)).toEqual(['0 content_filter'])
    await expect.poll(() => stopped).toBe(true)
    expect(conversation.messages.at(-1)?.content).toBe(textOf(chunks))
  })

  it('refuse arguments at once', () => {
    for (const moderate of [moderateChat, moderateResponse] as (typeof moderateChat)[]) {
      expect(() => moderate(guard, [{ role: 'system', content: 'Be brief.' }], stream([]))).toThrow(
        /user message/,
      )
      expect(() =>
        moderate(guard, [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }], stream([])),
      ).toThrow(/content of a user message/)
      expect(() => moderate(guard, 5 as unknown as string, stream([]))).toThrow(TypeError)
      expect(() => moderate(guard, PROMPT, stream([]), { policy: { threshold: 2 } })).toThrow(RangeError)
    }
  })
})
