import { describe, expect, it } from 'vitest'
import { moderationMiddleware, moderationTransform } from '../../lib/adapters/ai-sdk/index.js'
import { moderateChat, moderateResponse } from '../../lib/adapters/openai/index.js'
import { UnknownChunkError } from '../../lib/index.js'
import { type Adapter, type Any, guard, run } from '../support/adapter-runs.js'
import { chunk, contents, finishes, stop, textOf } from '../support/chat-chunks.js'
import { HARMFUL, HARMLESS, PROMPT, pieces, stream } from '../support/replies.js'

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

  it('a message beside a delta, as Perplexity has it, is left out, and the delta is judged', async () => {
    const source = pieces(HARMLESS).map((content) => chunk({ content }, { message: { content: 'MARKER' } }))
    const { shown, json, events } = await run('chat', [...source, stop()])
    expect(textOf(shown as never)).toBe(HARMLESS)
    expect(json).not.toContain('MARKER')
    expect(events).toContainEqual({ type: 'omitted', field: 'choices[].message' })
  })

  it('events of reasoning under their earlier names are judged', async () => {
    const at = { item_id: 'rs', output_index: 0, content_index: 0 }
    const events = [
      { type: 'keepalive', sequence_number: 0 },
      ...pieces(HARMLESS + HARMFUL).map((delta) => ({ type: 'response.reasoning.delta', ...at, delta })),
    ]
    const { json, events: told } = await run('responses', events)
    expect(json).toContain('keepalive')
    expect(json).not.toContain('customers')
    expect(told.filter(({ type }) => type === 'block')).toHaveLength(1)
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

describe('what is no stream', () => {
  it.each<[string, unknown, RegExp]>([
    ['a request that was not awaited', Promise.resolve({}), /await it/u],
    ['a completion that is not streamed', { id: 'x', choices: [] }, /stream: true/u],
    ['a text', 'data: {}', /got string/u],
    ['null', null, /got null/u],
    ['nothing', undefined, /got undefined/u],
  ])('is refused at once: %s', (_, source, hint) => {
    for (const moderate of [moderateChat, moderateResponse] as (typeof moderateChat)[]) {
      expect(() => moderate(guard, PROMPT, source as never)).toThrow(TypeError)
      expect(() => moderate(guard, PROMPT, source as never)).toThrow(hint)
    }
    expect(guard.stats().openSequences).toBe(0)
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
    expect(() => call({ policy: { treshold: 1 } })).toThrow('did you mean `threshold`?')
    expect(() => call({ policy: { threshold: 2 } })).toThrow(RangeError)
    expect(() => call({ signal: new AbortController() })).toThrow(TypeError)
    expect(() => call({ toolCalls: 'refuse' })).toThrow("toolCalls to be 'judge' or 'pass' or 'block'")
    expect(() => call({ media: 'judge' })).toThrow("media to be 'pass' or 'block'")
    expect(() => call({ passFields: 'note' })).toThrow('passFields')
    expect(() => call({ onEvent: 'log' })).toThrow('onEvent')
    expect(() => call({ replacement: 5 })).toThrow('replacement')
    for (const bag of ['strict', null, []]) expect(() => call(bag)).toThrow(TypeError)
  })
})
