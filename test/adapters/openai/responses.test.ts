import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { moderateResponse } from '../../../lib/adapters/openai/index.js'
import { type Policy, StreamGuard } from '../../../lib/index.js'
import { clientAt, clientOf, MAJORS, REASONING, REPLACEMENT } from '../../support/openai.js'
import {
  BLOCKED_PROMPT,
  collect,
  HARMFUL,
  HARMLESS,
  PROMPT,
  pieces,
  released,
} from '../../support/replies.js'
import {
  begin,
  message,
  messageItem,
  numbered,
  reasoningItem,
  summary,
  textOf,
  whole,
} from '../../support/response-events.js'
import { type Reply, SseServer } from '../../support/sse-server.js'

let guard: StreamGuard
beforeAll(async () => {
  guard = await StreamGuard.load({ model: 'demo' })
})
afterAll(() => guard?.close())

describe.each(MAJORS)('moderateResponse with OpenAI SDK $major', ({ load }) => {
  const context = clientOf(load)

  async function request(reply: Reply) {
    context.server.replies.push(reply)
    return await context.client.responses.create({ model: 'test', input: PROMPT, stream: true })
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

  /** What the SDK's own helper makes of the events; it refuses a stream that is not well-formed. */
  async function accumulated(events: readonly object[]) {
    const proxied = new SseServer()
    const other = await clientAt(load, await proxied.listen())
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
    const before = context.server.aborted
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
    await expect.poll(() => context.server.aborted).toBe(before + 1)
  })

  it('judges summaries of reasoning, and what a response repeats otherwise than it came', async () => {
    const reasoning = await eventsOf({ events: whole(REASONING + HARMFUL, HARMLESS) })
    expect(textOf(reasoning, 'reasoning_summary_text')).toBe(await released(guard, REASONING + HARMFUL, true))
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
      JSON.parse(JSON.stringify(event, (key, value) => (key === 'text' && value === '' ? HARMLESS : value))),
    )
    expect((await accumulated(await eventsOf({ events: harmless }))).output_text).toBe(HARMLESS)
  })

  it('judges refusals and reasoning, and leaves out audio', async () => {
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

  it('takes deltas of one item and kind for one text, whatever their index', async () => {
    const at = { item_id: 'item_1', output_index: 0 }
    const words = (text: string) =>
      (text.match(/\s?\S{1,4}|\s/gsu) ?? []).map((delta, content_index) => ({
        type: 'response.reasoning_text.delta',
        ...at,
        content_index,
        delta,
      }))
    const done = (text: string) => [
      { type: 'response.reasoning_text.done', ...at, content_index: 99, text },
      {
        type: 'response.reasoning_part.done',
        ...at,
        content_index: 99,
        part: { type: 'reasoning_text', text },
      },
    ]
    const added = {
      type: 'response.output_item.added',
      output_index: 0,
      item: { ...reasoningItem, id: at.item_id, summary: [] },
    }
    const first = [...begin, added, ...words(REASONING), ...done(REASONING)]
    const whole = REASONING + HARMFUL
    const events = await eventsOf({ events: numbered([...begin, added, ...words(whole), ...done(whole)]) })
    expect(textOf(events, 'reasoning_text')).toBe(await released(guard, whole, true))
    expect(events.at(-1)?.type).toBe('response.incomplete')

    // After its end another begins, which is judged by itself.
    const further = await eventsOf({ events: numbered([...first, ...words(HARMFUL), ...done(HARMFUL)]) })
    expect(textOf(further, 'reasoning_text')).toBe(REASONING + (await released(guard, HARMFUL, true)))
    expect(further.filter(({ type }) => type === 'response.reasoning_text.done')).toHaveLength(1)
    expect(further.at(-1)?.type).toBe('response.incomplete')
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

  it("takes the SDK's helper for streams, aborts that, and shows no more of its objects than was judged", async () => {
    const before = context.server.aborted
    const sent = numbered([...begin, ...message(HARMLESS + HARMFUL, 0).slice(0, -3)])
    context.server.replies.push({ events: sent, silent: true })
    const helper = context.client.responses.stream({ model: 'test', input: PROMPT })
    const events = await collect(moderateResponse(guard, PROMPT, helper))
    expect(textOf(events)).toBe(await released(guard, HARMLESS + HARMFUL))
    expect(JSON.stringify(events)).not.toContain('customers')
    expect(events.at(-1)?.type).toBe('response.incomplete')
    await expect.poll(() => context.server.aborted).toBe(before + 1)

    // As versions of the SDK do that build the response out of the events.
    async function* building() {
      const output: object[] = []
      const content: object[] = []
      yield { type: 'response.created', sequence_number: 0, response: { id: 'resp_1', output } }
      const item = { ...messageItem(0), content }
      yield { type: 'response.output_item.added', sequence_number: 1, output_index: 0, item }
      output.push(item)
      content.push({ type: 'output_text', text: HARMFUL })
      yield* sent.slice(3) as object[] as { type: string }[]
    }
    const built = await collect(moderateResponse(guard, PROMPT, building()))
    expect(built[1]).toMatchObject({ type: 'response.output_item.added', item: { content: [] } })
    expect(JSON.stringify(built)).not.toContain('customers')
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
    const closed = await StreamGuard.load({ model: 'demo' })
    await closed.close()
    const run = async (policy: Policy) =>
      await collect(
        moderateResponse(closed, PROMPT, await request({ events: whole(REASONING, HARMLESS) }), { policy }),
      )
    expect(JSON.stringify(await run({}))).not.toContain('weather')
    expect(textOf(await run({ onFailure: 'allow' }))).toBe(HARMLESS)
  })
})
