import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { moderateChat, moderateResponse } from '../../../lib/adapters/openai/index.js'
import { type ModerationEvent, StreamGuard } from '../../../lib/index.js'
import {
  chunk,
  contents,
  finishes,
  MESSAGES,
  start,
  stop,
  TOOL_CALL,
  textOf,
} from '../../support/chat-chunks.js'
import { clientAt, clientOf, MAJORS, type OpenAI, REASONING, REPLACEMENT } from '../../support/openai.js'
import {
  BLOCKED_PROMPT,
  collect,
  HARMFUL,
  HARMLESS,
  PROMPT,
  pieces,
  released,
  stream,
} from '../../support/replies.js'
import { type Reply, SseServer } from '../../support/sse-server.js'

type Chunk = import('openai').OpenAI.ChatCompletionChunk

let guard: StreamGuard
beforeAll(async () => {
  guard = await StreamGuard.load({ model: 'demo' })
})
afterAll(() => guard?.close())

describe.each(MAJORS)('moderateChat with OpenAI SDK $major', ({ load }) => {
  const context = clientOf(load)

  async function request(reply: Reply, body: object = {}) {
    context.server.replies.push(reply)
    const messages = MESSAGES as Parameters<OpenAI['chat']['completions']['create']>[0]['messages']
    return await context.client.chat.completions.create({ model: 'test', messages, stream: true, ...body })
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
    const before = context.server.aborted
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
    await expect.poll(() => context.server.aborted).toBe(before + 1)
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
    const [a, b] = [pieces(HARMLESS + HARMFUL), pieces(HARMLESS.repeat(2))]
    const mixed = b.flatMap((piece, i) => [
      ...(a[i] === undefined ? [] : [chunk({ content: a[i] }, {}, 0)]),
      chunk({ content: piece }, {}, 1),
    ])
    const chunks = await chunksOf({
      events: [start(0), start(1), ...mixed, stop('stop', 0), stop('stop', 1)],
    })
    expect(textOf(chunks, 'content', 0)).toBe(await released(guard, HARMLESS + HARMFUL))
    expect(textOf(chunks, 'content', 1)).toBe(HARMLESS.repeat(2))
    expect(finishes(chunks).sort()).toEqual(['0 content_filter', '1 stop'])
  })

  it('waits for the choices that were asked for before it aborts the request', async () => {
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
    const events = [
      start(0),
      ...contents(HARMLESS + HARMFUL, 'content', 0),
      start(1),
      ...contents(HARMLESS, 'content', 1),
      stop('stop', 1),
      { ...chunk({}), choices: [], usage },
    ]
    const both = await chunksOf({ events }, { choices: 2 })
    expect(textOf(both, 'content', 0)).toBe(await released(guard, HARMLESS + HARMFUL))
    expect(textOf(both, 'content', 1)).toBe(HARMLESS)
    expect(finishes(both).sort()).toEqual(['0 content_filter', '1 stop'])
    expect(both.at(-1)).toMatchObject({ choices: [], usage })

    // All that were asked for are blocked: nothing is waited for any more.
    const before = context.server.aborted
    const harmful = [start(1), ...contents(HARMFUL, 'content', 1)]
    const blocked = await chunksOf(
      { events: [start(0), ...contents(HARMFUL, 'content', 0), ...harmful], silent: true },
      { choices: 2 },
    )
    expect(finishes(blocked).sort()).toEqual(['0 content_filter', '1 content_filter'])
    await expect.poll(() => context.server.aborted).toBe(before + 1)

    // A prompt that is blocked ends them all, and a request that gave fewer ends as it did.
    const none = await chunksOf({ events: [start(0)], silent: true }, { choices: 3 }, BLOCKED_PROMPT)
    expect(finishes(none)).toEqual(['0 content_filter', '1 content_filter', '2 content_filter'])
    const fewer = await chunksOf({ events: [start(0), ...contents(HARMFUL, 'content', 0)] }, { choices: 3 })
    expect(finishes(fewer)).toEqual(['0 content_filter'])
  })

  it('takes what compatible servers write', async () => {
    const repeated = pieces(HARMLESS).map((content) =>
      chunk({ role: 'assistant', content, tool_calls: [] }, {}, 0),
    )
    const chunks = await chunksOf({ events: [...repeated, stop()] })
    expect(textOf(chunks)).toBe(HARMLESS)
    expect(chunks.filter(({ choices }) => choices[0]?.delta.role)).toHaveLength(1)
    expect(JSON.stringify(chunks)).not.toContain('tool_calls')

    const calling = chunk({ role: 'assistant', content: null, tool_calls: [{ index: 0, id: 'call' }] })
    const [first] = await chunksOf({ events: [calling, stop('tool_calls')] })
    expect(first?.choices[0]?.delta).toEqual({ role: 'assistant', content: null })

    const before = context.server.aborted
    const strange = { events: [start(), chunk({ content: { text: HARMFUL } })], silent: true }
    await expect(chunksOf(strange)).rejects.toThrow('Expected content of a delta to be text')
    await expect.poll(() => context.server.aborted).toBe(before + 1)
    expect(guard.stats().openSequences).toBe(0)
  })

  it("takes the SDK's helper for streams, and aborts that", async () => {
    const before = context.server.aborted
    context.server.replies.push({ events: [start(), ...contents(HARMLESS + HARMFUL)], silent: true })
    const helper = context.client.chat.completions.stream({
      model: 'test',
      messages: [{ role: 'user', content: PROMPT }],
    })
    const chunks = await collect(moderateChat(guard, PROMPT, helper))
    expect(textOf(chunks)).toBe(await released(guard, HARMLESS + HARMFUL))
    expect(finishes(chunks)).toEqual(['0 content_filter'])
    await expect.poll(() => context.server.aborted).toBe(before + 1)
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

  it('judges reasoning once that each chunk has in two fields, and fields that each chunk fills side by side', async () => {
    // A word or less in each: no two tokens that are unsafe come in one.
    const wordsOf = (text: string) => text.match(/\s?\S{1,4}|\s/gsu) ?? []
    const expected = await released(guard, REASONING + HARMFUL, true)
    const both = wordsOf(REASONING + HARMFUL).map((word) =>
      chunk({ reasoning_content: word, reasoning: word }),
    )
    const chunks = await chunksOf({ events: [start(), ...both, stop()] })
    expect(finishes(chunks)).toEqual(['0 content_filter'])
    for (const field of ['reasoning_content', 'reasoning']) expect(textOf(chunks, field)).toBe(expected)

    const reasonings = [
      [REASONING, 'stop'],
      [REASONING + HARMFUL, 'content_filter'],
    ] as const
    for (const [text, reason] of reasonings) {
      const answer = wordsOf(HARMLESS)
      const different = wordsOf(text).map((word, i) =>
        chunk({ reasoning_content: word, content: answer[i % answer.length] }),
      )
      const mixed = await chunksOf({ events: [start(), ...different, stop()] })
      expect(finishes(mixed)).toEqual([`0 ${reason}`])
      const shown = textOf(mixed, 'reasoning_content')
      // The fields keep their order, so one waits for the other.
      if (reason === 'stop') expect(shown).toBe(text)
      else expect(expected.startsWith(shown)).toBe(true)
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
    await expect.poll(() => context.server.aborted).toBeGreaterThan(0)
    const before = context.server.aborted
    for await (const part of moderateChat(guard, PROMPT, await request(silent))) {
      if (part.choices[0]?.delta.content) break
    }
    await expect.poll(() => context.server.aborted).toBe(before + 1)
    const broken = await request({ ...silent, silent: false, broken: true })
    await expect(collect(moderateChat(guard, PROMPT, broken))).rejects.toThrow()
    expect(guard.stats().openSequences).toBe(0)
  })

  it('is a completion to another client', async () => {
    const proxied = new SseServer()
    const other = await clientAt(load, await proxied.listen())
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
    for (const choices of [0, 1.5, '2' as unknown as number]) {
      expect(() => moderateChat(guard, PROMPT, stream([]), { choices })).toThrow(RangeError)
    }
  })
})
