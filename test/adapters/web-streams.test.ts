import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { moderationStream, type TextStreamOptions } from '../../lib/adapters/web-streams.js'
import { type ModerationEvent, type Policy, ReplyBlockedError, StreamGuard } from '../../lib/index.js'
import { BLOCKED_PROMPT, collect, HARMFUL, HARMLESS, PROMPT, pieces, released } from '../support/replies.js'

const REPLACEMENT = '[withheld]'

/** A source that says when it was cancelled; after its pieces it ends, or stays silent for ever. */
function source(text: string, { silent = false } = {}) {
  const left = pieces(text)
  const state = { read: 0, cancelled: false }
  const readable = new ReadableStream<string>(
    {
      pull(controller) {
        const piece = left.shift()
        state.read += 1
        if (piece !== undefined) controller.enqueue(piece)
        else if (silent) return new Promise(() => {})
        else controller.close()
        return undefined
      },
      cancel() {
        state.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { readable, state }
}

describe('moderationStream', () => {
  let guard: StreamGuard

  beforeAll(async () => {
    guard = await StreamGuard.load({ model: 'demo' })
  })
  afterAll(() => guard?.close())

  async function through(text: string, options?: TextStreamOptions, prompt = PROMPT) {
    const { readable, state } = source(text, { silent: text.includes(HARMFUL) || prompt === BLOCKED_PROMPT })
    const output = await collect(readable.pipeThrough(moderationStream(guard, prompt, options)))
    return { text: output.join(''), state }
  }

  it('passes a reply on as it is', async () => {
    const text = `${HARMLESS}Größe, 👍🏽 and 你好.\n\n`
    expect((await through(text)).text).toBe(text)
    expect((await through('')).text).toBe('')
    expect(guard.stats().openSequences).toBe(0)
  })

  it('ends after the released text and the replacement when it blocks, and cancels the source', async () => {
    const expected = await released(guard, HARMLESS + HARMFUL)
    expect(expected.startsWith(HARMLESS)).toBe(true)
    expect(expected).not.toContain('hack')
    const events: ModerationEvent[] = []
    const { text, state } = await through(HARMLESS + HARMFUL, {
      replacement: (block) => `[${block.reason}]`,
      onEvent: (event) => events.push(event),
    })
    expect(text).toBe(`${expected}[reply]`)
    expect(state.cancelled).toBe(true)
    expect(events[0]).toMatchObject({ type: 'prompt', action: 'allow' })
    expect(events.at(-2)).toMatchObject({ type: 'block', start: expected.length })
    expect(guard.stats().openSequences).toBe(0)
  })

  it('cancels the source at a block also while nobody reads on', async () => {
    const { readable, state } = source(HARMLESS + HARMFUL, { silent: true })
    const reader = readable.pipeThrough(moderationStream(guard, PROMPT)).getReader()
    await reader.read()
    await expect.poll(() => state.cancelled).toBe(true)
    expect(guard.stats().openSequences).toBe(0)
    await reader.cancel()
  })

  it('fails after the released text where a block is to be an error', async () => {
    const { readable, state } = source(HARMLESS + HARMFUL, { silent: true })
    const output: string[] = []
    const reading = (async () => {
      for await (const text of readable.pipeThrough(moderationStream(guard, PROMPT, { onBlock: 'error' }))) {
        output.push(text)
      }
    })()
    const error = await reading.catch((cause) => cause)
    expect(error).toBeInstanceOf(ReplyBlockedError)
    expect(error).toMatchObject({ code: 'ERR_BLOCKED', event: { type: 'block', reason: 'reply' } })
    expect(output.join('')).toBe(await released(guard, HARMLESS + HARMFUL))
    expect(state.cancelled).toBe(true)
  })

  it('shows nothing of a reply to a prompt that is blocked', async () => {
    const { text, state } = await through(HARMLESS, { replacement: REPLACEMENT }, BLOCKED_PROMPT)
    expect(text).toBe(REPLACEMENT)
    expect(state.cancelled).toBe(true)
  })

  it('shows nothing when the guard fails, unless the policy says so', async () => {
    const closed = await StreamGuard.load({ model: 'demo' })
    await closed.close()
    const run = (policy: Policy) =>
      collect(source(HARMLESS).readable.pipeThrough(moderationStream(closed, PROMPT, { policy })))
    expect(await run({})).toEqual([])
    expect((await run({ onFailure: 'allow' })).join('')).toBe(HARMLESS)
  })

  it("fails with the source's error and frees the guard", async () => {
    const transform = moderationStream(guard, PROMPT)
    const writer = transform.writable.getWriter()
    const reading = collect(transform.readable)
    await writer.write(HARMLESS)
    await writer.abort(new Error('the model is gone'))
    await expect(reading).rejects.toThrow('the model is gone')
    expect(guard.stats().openSequences).toBe(0)
  })

  it('cancels a silent source when its reader goes, and frees the guard', async () => {
    const { readable, state } = source(HARMLESS, { silent: true })
    const reader = readable.pipeThrough(moderationStream(guard, PROMPT)).getReader()
    expect((await reader.read()).value).toMatch(/^You/)
    await reader.cancel()
    expect(state.cancelled).toBe(true)
    expect(guard.stats().openSequences).toBe(0)
  })

  it('fails with the reason of an abort while the source is silent', async () => {
    const { readable, state } = source('You could', { silent: true })
    const abort = new AbortController()
    const reading = collect(readable.pipeThrough(moderationStream(guard, PROMPT, { signal: abort.signal })))
    abort.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
    await expect.poll(() => state.cancelled).toBe(true)
    expect(guard.stats().openSequences).toBe(0)
  })

  it('reads no further ahead than its bound while nobody reads it', async () => {
    let read = 0
    const endless = new ReadableStream<string>({
      pull(controller) {
        read += 1
        controller.enqueue('word '.repeat(200))
      },
    })
    const reader = endless.pipeThrough(moderationStream(guard, PROMPT)).getReader()
    await reader.read()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(read).toBeLessThan(100)
    await reader.cancel()
    expect(guard.stats().openSequences).toBe(0)
  })

  it('lets a Conversation judge, turn by turn', async () => {
    await using conversation = await guard.conversation()
    for (const [question, text] of [
      [PROMPT, HARMLESS],
      ['And on Monday?', HARMLESS + HARMFUL],
    ] as const) {
      await collect(source(text).readable.pipeThrough(moderationStream(conversation, question)))
    }
    expect(conversation.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant'])
    expect(conversation.messages[1]?.content).toBe(HARMLESS)
    expect(conversation.messages[3]?.content).not.toContain('customers')
  })

  it('refuses arguments at once, and what is not text', async () => {
    expect(() => moderationStream(guard, [])).toThrow(TypeError)
    expect(() => moderationStream(guard, PROMPT, { onBlock: 'stop' as 'end' })).toThrow(/'end' or 'error'/)
    expect(() => moderationStream(guard, PROMPT, { policy: { threshold: 2 } })).toThrow(RangeError)
    const bytes = ReadableStream.from([Buffer.from('text')]) as unknown as ReadableStream<string>
    await expect(collect(bytes.pipeThrough(moderationStream(guard, PROMPT)))).rejects.toThrow(TypeError)
    expect(guard.stats().openSequences).toBe(0)
  })
})
