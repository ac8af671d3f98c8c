import { describe, expect, it } from 'vitest'
import { moderationMiddleware } from '../../lib/adapters/ai-sdk/index.js'
import type { ContentOptions } from '../../lib/adapters/content-options.js'
import { moderateChat } from '../../lib/adapters/openai/index.js'
import type { ModerationEvent } from '../../lib/index.js'
import { ADAPTERS, type Any, argumentsOf, calling, guard, run } from '../support/adapter-runs.js'
import { chunk, contents, finishes, stop, textOf } from '../support/chat-chunks.js'
import { collect, HARMFUL, HARMLESS, PROMPT, stream } from '../support/replies.js'

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
    expect(events.at(-1)).toMatchObject({ type: 'end', action: 'block' })
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
