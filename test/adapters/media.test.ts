import { describe, expect, it } from 'vitest'
import { ADAPTERS, type Adapter, calling, run } from '../support/adapter-runs.js'
import { chunk, contents, stop } from '../support/chat-chunks.js'
import { HARMFUL, HARMLESS, PROMPT } from '../support/replies.js'
import { begin, message, numbered } from '../support/response-events.js'

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
