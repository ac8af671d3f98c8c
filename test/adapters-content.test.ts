import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { moderationMiddleware, moderationTransform } from '../lib/adapters/ai-sdk.js'
import type { ContentOptions } from '../lib/adapters/content-options.js'
import { moderateChat, moderateResponse } from '../lib/adapters/openai.js'
import { type ModerationEvent, StreamGuard, UnknownChunkError } from '../lib/index.js'
import { chunk, contents, finishes, stop, textOf } from './support/chat-chunks.js'
import { collect, HARMFUL, HARMLESS, PROMPT, pieces, stream } from './support/replies.js'
import { begin, message, numbered } from './support/response-events.js'

let guard: StreamGuard
beforeAll(async () => {
  guard = await StreamGuard.load()
})
afterAll(() => guard?.close())

type Any = { type: string; [field: string]: unknown }
type Adapter = 'chat' | 'responses' | 'transform' | 'middleware'
const ADAPTERS: Adapter[] = ['chat', 'responses', 'transform', 'middleware']

/** What an adapter makes of a source, and the events it tells of. */
async function run(
  adapter: Adapter,
  source: readonly unknown[],
  options: ContentOptions = {},
  prompt: unknown = PROMPT,
) {
  const events: ModerationEvent[] = []
  const all = { ...options, onEvent: (event: ModerationEvent) => void events.push(event) }
  const input = prompt as string
  const parts = async (): Promise<unknown[]> => {
    if (adapter === 'chat') return await collect(moderateChat(guard, input, stream(source) as never, all))
    if (adapter === 'responses') {
      return await collect(moderateResponse(guard, input, stream(source) as never, all))
    }
    if (adapter === 'transform') {
      const transform = moderationTransform(guard, input, all)({ tools: {} })
      return await collect(ReadableStream.from(source).pipeThrough(transform as never))
    }
    const messages =
      typeof prompt === 'string' ? [{ role: 'user', content: [{ type: 'text', text: prompt }] }] : prompt
    const doStream = async () => ({ stream: ReadableStream.from(source) })
    const call = { doStream, params: { prompt: messages }, model: { specificationVersion: 'v3' } }
    const wrapped = await moderationMiddleware(guard, all).wrapStream?.(call as never)
    return await collect((wrapped as unknown as { stream: ReadableStream<unknown> }).stream)
  }
  const shown = (await parts()) as Any[]
  expect(guard.stats().openSequences).toBe(0)
  return { shown, events, json: JSON.stringify(shown) }
}

/** A harmless text and then a call of a tool whose argument is this, in pieces, as each API has it. */
function calling(adapter: Adapter, argument: string): unknown[] {
  const input = JSON.stringify({ note: argument })
  if (adapter === 'chat') {
    const call = (fields: object) => chunk({ tool_calls: [{ index: 0, ...fields }] })
    return [
      ...contents(HARMLESS),
      call({ id: 'call', type: 'function', function: { name: 'write', arguments: '' } }),
      ...pieces(input).map((piece) => call({ function: { arguments: piece } })),
      stop('tool_calls'),
    ]
  }
  if (adapter === 'responses') {
    const at = { item_id: 'fc', output_index: 1 }
    const item = { id: 'fc', type: 'function_call', call_id: 'call', name: 'write', status: 'completed' }
    return numbered([
      ...begin,
      ...message(HARMLESS, 0),
      { type: 'response.output_item.added', output_index: 1, item: { ...item, arguments: '' } },
      ...pieces(input).map((delta) => ({ type: 'response.function_call_arguments.delta', ...at, delta })),
      { type: 'response.function_call_arguments.done', ...at, arguments: input },
      { type: 'response.output_item.done', output_index: 1, item: { ...item, arguments: input } },
    ])
  }
  const field = adapter === 'transform' ? 'text' : 'delta'
  return [
    { type: 'text-start', id: '0' },
    ...pieces(HARMLESS).map((piece) => ({ type: 'text-delta', id: '0', [field]: piece })),
    { type: 'text-end', id: '0' },
    { type: 'tool-input-start', id: 'call', toolName: 'write' },
    ...pieces(input).map((delta) => ({ type: 'tool-input-delta', id: 'call', delta })),
    { type: 'tool-input-end', id: 'call' },
    {
      type: 'tool-call',
      toolCallId: 'call',
      toolName: 'write',
      input: adapter === 'transform' ? { note: argument } : input,
    },
  ]
}

/** The arguments that were shown, however they were cut. */
function argumentsOf(shown: readonly Any[]): string {
  return shown
    .map((part) => {
      const [choice] = (part.choices ?? []) as {
        delta: { tool_calls?: { function: { arguments: string } }[] }
      }[]
      const isDelta =
        part.type === 'tool-input-delta' || part.type === 'response.function_call_arguments.delta'
      return choice?.delta.tool_calls?.[0]?.function.arguments ?? (isDelta ? String(part.delta) : '')
    })
    .join('')
}

describe.each(ADAPTERS)('tool calls: %s', (adapter) => {
  it('pass unless it is said otherwise, and an event says so, once for each', async () => {
    const { shown, events, json } = await run(adapter, calling(adapter, HARMFUL))
    expect(argumentsOf(shown)).toBe(JSON.stringify({ note: HARMFUL }))
    expect(json).toContain('write')
    expect(events.filter(({ type }) => type === 'unjudged')).toMatchObject([
      { what: 'tool-call', from: 'reply', name: 'write' },
    ])
  })

  it("are judged as a reply's text is", async () => {
    const judged = await run(adapter, calling(adapter, HARMFUL), { toolCalls: 'judge' })
    expect(JSON.stringify({ note: HARMFUL }).startsWith(argumentsOf(judged.shown))).toBe(true)
    expect(judged.json).not.toContain('customers')
    expect(judged.events.filter(({ type }) => type === 'block')).toMatchObject([{ reason: 'reply' }])
    expect(judged.events.filter(({ type }) => type === 'unjudged')).toEqual([])

    const passed = await run(adapter, calling(adapter, HARMLESS), { toolCalls: 'judge' })
    expect(argumentsOf(passed.shown)).toBe(JSON.stringify({ note: HARMLESS }))
    expect(passed.json).toContain('write')
    expect(passed.events.filter(({ type }) => type === 'block')).toEqual([])
    expect(passed.events.filter(({ type }) => type === 'unjudged')).toEqual([])
  })

  it('block the reply where they are refused, after the text before them', async () => {
    const { shown, events, json } = await run(adapter, calling(adapter, HARMLESS), {
      toolCalls: 'block',
      replacement: '[withheld]',
    })
    expect(argumentsOf(shown)).toBe('')
    expect(json).not.toContain('write')
    expect(json).toContain('[withheld]')
    expect(events.filter(({ type }) => type === 'block')).toMatchObject([
      { reason: 'unjudged', unjudged: 'tool-call', verdict: null },
    ])
    const text = shown
      .map((part) => {
        const [choice] = (part.choices ?? []) as { delta: { content?: string } }[]
        const isText = part.type === 'text-delta' || part.type === 'response.output_text.delta'
        return choice?.delta.content ?? (isText ? String(part.delta ?? part.text) : '')
      })
      .join('')
    expect(text).toBe(`${HARMLESS}[withheld]`)
    expect(json).toMatch(/content[-_]filter/u)
  })
})

describe('tool calls', () => {
  it('of a chat are judged one after the other, by a Conversation too', async () => {
    const call = (index: number, text: string) =>
      chunk({
        tool_calls: [
          { index, id: `call${index}`, type: 'function', function: { name: 'write', arguments: text } },
        ],
      })
    const source = [
      ...contents('I write. '),
      call(0, '{"a":"sun"}'),
      call(1, '{"a":"moon"}'),
      stop('tool_calls'),
    ]
    await using conversation = await guard.conversation()
    const options = { toolCalls: 'judge' } as const
    const chunks = await collect(moderateChat(conversation, PROMPT, stream(source) as never, options))
    const json = JSON.stringify(chunks)
    for (const text of ['sun', 'moon', 'call0', 'call1']) expect(json).toContain(text)
    expect(finishes(chunks as never)).toEqual(['0 tool_calls'])
  })

  it('of one choice that are refused leave the others alone', async () => {
    const call = chunk(
      { tool_calls: [{ index: 0, id: 'call', function: { name: 'write', arguments: '{}' } }] },
      {},
      0,
    )
    const source = [call, ...contents(HARMLESS, 'content', 1), stop('stop', 1), stop('stop', 0)]
    const { shown } = await run('chat', source, { toolCalls: 'block', choices: 2 } as ContentOptions)
    expect(finishes(shown as never).sort()).toEqual(['0 content_filter', '1 stop'])
    expect(textOf(shown as never, 'content', 1)).toBe(HARMLESS)
  })

  it('and results in a call that does not stream are judged, announced or refused', async () => {
    const content = [
      { type: 'text', text: HARMLESS },
      { type: 'tool-call', toolCallId: 'call', toolName: 'write', input: JSON.stringify({ note: HARMFUL }) },
      { type: 'file', mediaType: 'image/png', data: 'AAAA' },
    ]
    const generate = async (options: ContentOptions) => {
      const events: ModerationEvent[] = []
      const doGenerate = async () => ({
        content,
        finishReason: 'stop',
        usage: {},
        warnings: [],
        note: HARMFUL,
      })
      const middleware = moderationMiddleware(guard, {
        ...options,
        onEvent: (event) => void events.push(event),
      })
      const params = { prompt: [{ role: 'user', content: [{ type: 'text', text: PROMPT }] }] }
      const result = (await middleware.wrapGenerate?.({ doGenerate, params } as never)) as unknown as {
        content: Any[]
        finishReason: unknown
      }
      return { result, events, types: result.content.map(({ type }) => type) }
    }
    const passed = await generate({})
    expect(passed.types).toEqual(['text', 'tool-call', 'file'])
    expect(passed.events.filter(({ type }) => type === 'unjudged')).toMatchObject([
      { what: 'tool-call' },
      { what: 'media' },
    ])
    expect(passed.events).toContainEqual({ type: 'omitted', field: 'note' })
    const judged = await generate({ toolCalls: 'judge' })
    expect(judged.types).toEqual(['text'])
    expect(JSON.stringify(judged.result)).not.toContain('customers')
    expect(judged.result.finishReason).toBe('content-filter')
    expect((await generate({ media: 'block' })).types).toEqual(['text', 'tool-call'])
    expect((await generate({ toolCalls: 'block' })).types).toEqual(['text'])
  })
})

const image = {
  chat: { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
  responses: { type: 'input_image', image_url: 'data:image/png;base64,AAAA' },
  transform: { type: 'image', image: new Uint8Array([1]) },
  middleware: { type: 'file', mediaType: 'image/png', data: 'AAAA' },
}

describe.each(ADAPTERS)('media: %s', (adapter) => {
  const reply = calling(adapter, HARMLESS).slice(0, -1)
  const withText = [{ role: 'user', content: [{ type: 'text', text: PROMPT }, image[adapter]] }]
  const alone = [
    { role: 'user', content: PROMPT },
    { role: 'user', content: [image[adapter]] },
  ].map((one) => (adapter === 'middleware' && typeof one.content === 'string' ? withText[0] : one))

  it('beside a text in the prompt passes, and an event says so before all others', async () => {
    const { events, json } = await run(adapter, reply, {}, withText)
    expect(events[0]).toEqual({ type: 'unjudged', what: 'media', from: 'prompt' })
    expect(events[1]).toMatchObject({ type: 'prompt', action: 'allow' })
    expect(json).toContain('write')
  })

  it('alone is no empty prompt that is safe: it blocks, unless it is said to pass', async () => {
    const blocked = await run(adapter, reply, {}, alone)
    expect(blocked.events).toMatchObject([
      { type: 'block', reason: 'unjudged', unjudged: 'media', verdict: null },
      { type: 'end', verdict: { complete: false }, action: 'block' },
    ])
    expect(blocked.json).not.toMatch(/write|You could/u)
    expect(blocked.json).toMatch(/content[-_]filter/u)

    const passed = await run(adapter, reply, { media: 'pass' }, alone)
    expect(passed.events[0]).toEqual({ type: 'unjudged', what: 'media', from: 'prompt' })
    expect(passed.json).toContain('write')
  })

  it('blocks where it is refused, beside a text or after it', async () => {
    const later = [
      { role: 'user', content: adapter === 'middleware' ? [{ type: 'text', text: PROMPT }] : PROMPT },
      { role: 'assistant', content: [{ type: 'tool-call', toolCallId: 'c', toolName: 'f', input: {} }] },
      { role: 'assistant', content: [image[adapter]] },
    ]
    for (const prompt of [withText, later]) {
      const { events, json } = await run(adapter, reply, { media: 'block' }, prompt)
      expect(events[0]).toMatchObject({ type: 'block', reason: 'unjudged', unjudged: 'media' })
      expect(json).not.toContain('write')
    }
  })
})

describe('media in a reply', () => {
  const picture: Record<Adapter, unknown[]> = {
    chat: [chunk({ images: [{ type: 'image_url', image_url: { url: 'data:AAAA' } }] }), stop()],
    responses: numbered([
      ...begin,
      { type: 'response.image_generation_call.partial_image', item_id: 'ig', partial_image_b64: 'AAAA' },
    ]),
    transform: [{ type: 'file', file: { base64: 'AAAA' } }],
    middleware: [{ type: 'file', mediaType: 'image/png', data: 'AAAA' }],
  }

  it.each(ADAPTERS)('passes with an event, or blocks: %s', async (adapter) => {
    const passed = await run(adapter, picture[adapter])
    expect(passed.json).toContain('AAAA')
    expect(passed.events).toContainEqual({ type: 'unjudged', what: 'media', from: 'reply' })
    const blocked = await run(adapter, picture[adapter], { media: 'block' })
    expect(blocked.json).not.toContain('AAAA')
    expect(blocked.events).toContainEqual(expect.objectContaining({ type: 'block', unjudged: 'media' }))
  })

  it('that is speech is left out, with its transcript, or blocks', async () => {
    const spoken = [
      chunk({ audio: { id: 'a', data: 'AAAA', transcript: HARMFUL } }),
      ...contents(HARMLESS),
      stop(),
    ]
    const { json, events } = await run('chat', spoken)
    expect(json).not.toMatch(/AAAA|customers/u)
    expect(events).toContainEqual({ type: 'omitted', field: 'choices[].delta.audio' })
    expect((await run('chat', spoken, { media: 'block' })).json).not.toContain('You')
    const events2 = numbered([
      ...begin,
      { type: 'response.output_audio_transcript.delta', delta: HARMFUL },
      { type: 'response.output_audio_transcript.done', transcript: HARMFUL },
      ...message(HARMLESS, 0),
    ])
    const responses = await run('responses', events2)
    expect(responses.json).not.toContain('customers')
    expect(responses.json).toContain('response.output_item.done')
    expect(responses.events.filter(({ type }) => type === 'omitted')).toHaveLength(2)
  })
})

describe('chunks and fields that are not known', () => {
  const responsesEvent = {
    type: 'response.output_text.delta',
    item_id: 'i',
    output_index: 0,
    delta: 'MARKER',
  }
  const ofChat = chunk({ content: 'MARKER' })

  it.each<[string, Adapter, unknown, 'class' | 'type']>([
    ['a Responses event', 'chat', responsesEvent, 'class'],
    [
      'an Anthropic event',
      'chat',
      { type: 'content_block_delta', delta: { type: 'text_delta', text: 'MARKER' } },
      'class',
    ],
    ['an Ollama chunk', 'chat', { model: 'm', message: { content: 'MARKER' }, done: false }, 'class'],
    ['a Gemini chunk', 'chat', { candidates: [{ content: { parts: [{ text: 'MARKER' }] } }] }, 'class'],
    [
      'a legacy completion',
      'chat',
      { object: 'text_completion', choices: [{ index: 0, text: 'MARKER' }] },
      'class',
    ],
    ['a whole completion', 'chat', { choices: [{ index: 0, message: { content: 'MARKER' } }] }, 'class'],
    ['an unknown part of a content', 'chat', chunk({ content: [{ type: 'x', text: 'MARKER' }] }), 'class'],
    ['a text of server-sent events', 'chat', 'data: MARKER', 'type'],
    ['bytes of server-sent events', 'chat', new TextEncoder().encode('data: MARKER'), 'type'],
    ['null', 'chat', null, 'type'],
    ['an array', 'chat', ['MARKER'], 'type'],
    ['an object without choices', 'chat', { note: 'MARKER' }, 'type'],
    ['choices that are no list', 'chat', { choices: 'MARKER' }, 'type'],
    ['a choice that is null', 'chat', { choices: [null] }, 'type'],
    [
      'an unknown event',
      'responses',
      { type: 'response.new_thing.added', item: { body: 'MARKER' } },
      'class',
    ],
    ['an unknown delta', 'responses', { type: 'response.thoughts.delta', delta: 'MARKER' }, 'class'],
    [
      'an unknown item',
      'responses',
      { type: 'response.output_item.added', item: { type: 'x', body: 'MARKER' } },
      'class',
    ],
    [
      'an unknown part',
      'responses',
      { type: 'response.content_part.added', part: { type: 'x', text: 'MARKER' } },
      'class',
    ],
    ['a chunk of a chat', 'responses', ofChat, 'class'],
    ['null', 'responses', null, 'type'],
    ['an event without type', 'responses', { delta: 'MARKER' }, 'type'],
    ['an unknown part', 'transform', { type: 'new-part', text: 'MARKER' }, 'class'],
    ['a part for interfaces', 'transform', { type: 'tool-output-available', output: 'MARKER' }, 'class'],
    ['a part without type', 'transform', { text: 'MARKER' }, 'type'],
    ['an unknown part', 'middleware', { type: 'new-part', text: 'MARKER' }, 'class'],
    ['a Responses event', 'middleware', responsesEvent, 'class'],
  ])('%s to %s ends the stream with an error that says what was expected', async (_, adapter, one, kind) => {
    const shown: unknown[] = []
    const error = await run(adapter, [one]).then(
      ({ json }) => shown.push(json),
      (error) => error,
    )
    expect(shown).toEqual([])
    expect(error).toBeInstanceOf(kind === 'class' ? UnknownChunkError : TypeError)
    expect(error.message).toMatch(/^Expected /u)
    if (kind === 'class') expect(error.code).toBe('ERR_UNKNOWN_CHUNK')
    expect(error.message).not.toContain('MARKER')
  })

  it('keep text before them, and stop the source', async () => {
    let stopped = false
    const shown: unknown[] = []
    async function* source() {
      try {
        yield* contents(HARMLESS)
        yield responsesEvent
        await new Promise((resolve) => setTimeout(resolve, 20))
        yield stop()
      } finally {
        stopped = true
      }
    }
    const reading = async () => {
      for await (const one of moderateChat(guard, PROMPT, source() as never)) shown.push(one)
    }
    await expect(reading()).rejects.toThrow(UnknownChunkError)
    expect(HARMLESS.startsWith(textOf(shown as never))).toBe(true)
    expect(JSON.stringify(shown)).not.toContain('MARKER')
    await expect.poll(() => stopped).toBe(true)
    expect(guard.stats().openSequences).toBe(0)
  })

  it('fields are left out and told of once, or pass where it is said so', async () => {
    const source = pieces(HARMLESS).map((content) => ({
      ...chunk({ content, thoughts: 'MARKER' }),
      note: 'MARKER',
      __verbose: { content: 'MARKER' },
      timings: { prompt_n: 3, note: 'MARKER' },
    }))
    const { shown, json, events } = await run('chat', [...source, stop()])
    expect(textOf(shown as never)).toBe(HARMLESS)
    expect(json).not.toContain('MARKER')
    expect(json).toContain('"prompt_n":3')
    const fields = events.flatMap((event) => (event.type === 'omitted' ? event.field : []))
    expect(fields.sort()).toEqual(['__verbose', 'choices[].delta.thoughts', 'note', 'timings.note'])

    const passing = await run('chat', [...source, stop()], { passFields: ['note'] })
    expect(passing.shown[0]?.note).toBe('MARKER')
    expect(passing.json).not.toContain('thoughts')

    // Also where the prompt is blocked: what closes the stream repeats no field of it.
    const blocked = await run('chat', source, { replacement: '[withheld]' }, 'How can I make a bomb?')
    expect(finishes(blocked.shown as never)).toEqual(['0 content_filter'])
    expect(blocked.json).not.toContain('MARKER')
  })

  it('alternatives to tokens, and probabilities of another text, are left out', async () => {
    const token = (text: string) => ({
      token: text,
      logprob: -1,
      bytes: [...Buffer.from(text)],
      top_logprobs: [{ token: 'MARKER', logprob: -2 }],
    })
    const logprobs = { content: [token('Sun'), token(' é')], refusal: null }
    const { shown, json } = await run('chat', [chunk({ content: 'Sun é' }, { logprobs }), stop()])
    expect(json).not.toContain('MARKER')
    const [choice] = shown
      .flatMap((part) => part.choices as { logprobs?: { content: Any[] } }[])
      .filter((one) => one.logprobs)
    expect(choice?.logprobs?.content.map((one) => one.token)).toEqual(['Sun', ' é'])
    const other = await run('chat', [
      chunk({ content: 'Sun' }, { logprobs: { content: [token('MARKER')] } }),
      stop(),
    ])
    expect(other.json).not.toContain('MARKER')
    expect(textOf(other.shown as never)).toBe('Sun')
  })

  it("contents that are lists, as Mistral's, are judged and keep their form", async () => {
    const content = (list: unknown[]) => chunk({ content: list })
    const thinking = (text: string) => content([{ type: 'thinking', thinking: [{ type: 'text', text }] }])
    const text = (text: string) => content([{ type: 'text', text }])
    const source = [...pieces(HARMLESS).map(thinking), ...pieces(HARMLESS).map(text), stop()]
    const { shown, events } = await run('chat', source)
    const parts = shown.flatMap((part) => {
      const [choice] = part.choices as {
        delta: { content?: { type: string; text?: string; thinking?: Any[] }[] }
      }[]
      return choice?.delta.content ?? []
    })
    expect(parts.map((part) => part.text ?? '').join('')).toBe(HARMLESS)
    expect(parts.flatMap((part) => part.thinking?.map((one) => one.text) ?? []).join('')).toBe(HARMLESS)
    expect(events.filter(({ type }) => type === 'prompt')).toHaveLength(3)
    const blocked = await run('chat', [...pieces(HARMLESS + HARMFUL).map(text), stop()])
    expect(blocked.json).not.toContain('customers')
    expect(finishes(blocked.shown as never)).toEqual(['0 content_filter'])
  })
})

describe('options of adapters', () => {
  const silent = () => stream([])
  it.each<[string, (options: unknown) => unknown]>([
    ['moderateChat', (options) => moderateChat(guard, PROMPT, silent(), options as never)],
    ['moderateResponse', (options) => moderateResponse(guard, PROMPT, silent(), options as never)],
    ['moderationTransform', (options) => moderationTransform(guard, PROMPT, options as never)],
    ['moderationMiddleware', (options) => moderationMiddleware(guard, options as never)],
  ])('that %s does not know, or of a wrong type, are a TypeError', (name, call) => {
    expect(() => call({ toolcalls: 'block' })).toThrow(`${name} to have any of`)
    expect(() => call({ toolcalls: 'block' })).toThrow('did you mean `toolCalls`?')
    expect(() => call({ mode: 'strict' })).toThrow('did you mean `policy: { mode }`?')
    expect(() => call({ toolCalls: 'refuse' })).toThrow("toolCalls to be 'judge' or 'pass' or 'block'")
    expect(() => call({ media: 'judge' })).toThrow("media to be 'pass' or 'block'")
    expect(() => call({ passFields: 'note' })).toThrow('passFields')
    expect(() => call({ onEvent: 'log' })).toThrow('onEvent')
    expect(() => call({ replacement: 5 })).toThrow('replacement')
    for (const bag of ['strict', null, []]) expect(() => call(bag)).toThrow(TypeError)
  })
})
