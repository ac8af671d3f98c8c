import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  GenGuard,
  GuardBusyError,
  type Moderation,
  type ModerationEvent,
  StreamGuard,
  TooLongError,
} from '../../lib/index.js'
import { GPU } from '../support/gpu.js'

const TOO_LONG = 'word '.repeat(4000)

let guard: StreamGuard
let held: Moderation[]

beforeEach(async () => {
  guard = await StreamGuard.load({ model: 'demo-stream', gpu: GPU, contextSize: 256, maxSequences: 2 })
  held = await Promise.all([guard.open('First?'), guard.open('Second?')])
})
afterEach(() => guard.close())

async function* pieces(text: string): AsyncGenerator<string> {
  yield text
}

async function collect(events: AsyncIterable<ModerationEvent>): Promise<ModerationEvent[]> {
  const all: ModerationEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

describe('who waits for a place', () => {
  it("is told so when the time that it has is over, and is in no other's way", async () => {
    const queueTimeoutMs = 5
    for (const ask of [
      () => guard.open('Third?', { queueTimeoutMs }),
      () => guard.classifyPrompt('Third?', { queueTimeoutMs }),
      () => guard.conversation({ queueTimeoutMs }),
    ]) {
      const error = await ask().catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(GuardBusyError)
      expect((error as GuardBusyError).message).toMatch(
        /within 5 ms \(queueTimeoutMs\): 2 of 2 sequences are in use and 0 others/,
      )
      expect((error as GuardBusyError).retryAfterMs).toBeGreaterThan(0)
    }
    const patient = guard.open('Fourth?')
    const hasty = expect(guard.open('Fifth?', { queueTimeoutMs: 0 })).rejects.toThrow(GuardBusyError)
    const behind = guard.open('Sixth?', { queueTimeoutMs: 60_000 })
    await hasty
    await expect.poll(() => guard.stats().queued).toBe(2)
    for (const moderation of held) await moderation.close()
    await (await patient).close()
    await (await behind).close()
    expect(guard.stats()).toMatchObject({ queued: 0, openSequences: 0, longestWaitMs: 0 })
  })

  it('has its reply blocked as an overload', async () => {
    const [block, end, ...more] = await collect(
      guard.moderate('Third?', pieces('Yes.'), { queueTimeoutMs: 1 }),
    )
    expect(block).toMatchObject({ type: 'block', reason: 'overload', start: 0, error: { code: 'ERR_BUSY' } })
    expect(end).toMatchObject({ type: 'end', action: 'block', verdict: { complete: false } })
    expect(more).toEqual([])
  })

  it('is counted, with how long the first has waited', async () => {
    expect(guard.stats()).toMatchObject({ queued: 0, longestWaitMs: 0 })
    const waiting = [guard.open('Third?'), guard.open('Fourth?')]
    await expect.poll(() => guard.stats().longestWaitMs).toBeGreaterThan(20)
    expect(guard.stats().queued).toBe(2)
    for (const moderation of held) await moderation.close()
    for (const moderation of await Promise.all(waiting)) await moderation.close()
    expect(guard.stats()).toMatchObject({ queued: 0, longestWaitMs: 0 })
  })

  it('may wait for no time but one that there is', async () => {
    const nonsense = { queueTimeoutMs: 'soon' as unknown as number }
    await expect(guard.open('Third?', nonsense)).rejects.toThrow(/queueTimeoutMs.*number of milliseconds/)
    await expect(guard.open('Third?', { queueTimeoutMs: -1 })).rejects.toThrow(RangeError)
    await expect(guard.conversation(nonsense)).rejects.toThrow(TypeError)
    await expect(guard.classifyPrompt('Third?', nonsense)).rejects.toThrow(TypeError)
    expect(() => guard.moderate('Third?', pieces('Yes.'), nonsense)).toThrow(TypeError)
  })

  it('is told so by Gen too', async () => {
    await using gen = await GenGuard.load({ model: 'demo-gen', gpu: GPU, maxSequences: 1, contextSize: 4000 })
    const running = gen.classify('word '.repeat(3500)).catch(() => 'the small model has no verdict on that')
    await expect.poll(() => gen.stats().openSequences, { interval: 1 }).toBe(1)
    await expect(gen.classify('Hello', { queueTimeoutMs: 0 })).rejects.toThrow(GuardBusyError)
    await running
    await expect(gen.classify('Hello', { queueTimeoutMs: 0 })).resolves.toHaveProperty('safety')
    await expect(gen.classify('Hello', { queueTimeoutMs: Number.NaN })).rejects.toThrow(TypeError)
  })
})

describe('a moderation that failed', () => {
  it('gives its place to who waits, whether it is closed or not', async () => {
    const [failing] = held as [Moderation]
    const waiting = guard.open('Third?')
    await expect(failing.push(TOO_LONG)).rejects.toThrow(TooLongError)
    const third = await waiting
    await expect(failing.push('more')).rejects.toThrow(/failed earlier/)
    // What closes it all the same takes nobody's place away.
    await failing.close()
    expect(guard.stats().openSequences).toBe(2)
    expect((await third.push('A reply, with several words.')).length).toBeGreaterThan(0)
    await third.close()
  })

  it('is one whose signal aborts while nothing is asked of it', async () => {
    for (const moderation of held) await moderation.close()
    const controller = new AbortController()
    const { signal } = controller
    const [idle, busy] = await Promise.all([
      guard.open('Third?', { signal }),
      guard.open('Fourth?', { signal }),
    ])
    const pushing = busy.push('Some words of a reply ').catch((error: unknown) => error)
    controller.abort(new Error('enough'))
    await expect.poll(() => guard.stats().openSequences).toBe(0)
    await expect(idle.push('more')).rejects.toThrow('enough')
    await pushing
  })

  it('leaves the conversation that it belongs to free for the next turn', async () => {
    for (const moderation of held) await moderation.close()
    await using conversation = await guard.conversation()
    const first = await conversation.open('How do locks work?')
    await expect(first.push(TOO_LONG)).rejects.toThrow(TooLongError)
    const second = await conversation.open('And padlocks?')
    expect((await second.push('They have a shackle and a body.')).length).toBeGreaterThan(0)
    await second.close()
    expect(guard.stats().openSequences).toBe(1)
  })
})
