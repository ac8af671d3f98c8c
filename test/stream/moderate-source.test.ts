import { getEventListeners } from 'node:events'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { type ModerateOptions, type Policy, StreamGuard } from '../../lib/index.js'
import { fixtureModel } from '../support/fixture-model.js'
import {
  collect,
  guard,
  NEVER_BLOCK,
  only,
  PROMPT,
  pieces,
  REPLY_ONLY,
  stalling,
  textOf,
} from '../support/moderating.js'

/** The prompt is none that this lets pass. */
const STRICT: ModerateOptions = { policy: { mode: 'strict' } }

/** Sources that give their pieces and then neither text nor an end, until they are stopped. */
function silentReadable(list: string[]) {
  const reply = new Readable({ encoding: 'utf8', read() {} })
  for (const piece of list) reply.push(piece)
  return { reply, stopped: () => reply.destroyed }
}

function silentStream(list: string[]) {
  let cancelled = false
  const reply = new ReadableStream<string>({
    start: (controller) => {
      for (const piece of list) controller.enqueue(piece)
    },
    cancel: () => {
      cancelled = true
    },
  })
  return { reply, stopped: () => cancelled }
}

function silentRequest(list: string[]) {
  const controller = new AbortController()
  async function* read() {
    yield* list
    await new Promise(() => {})
  }
  const reply = { controller, [Symbol.asyncIterator]: read }
  return { reply, stopped: () => controller.signal.aborted }
}

describe('moderate and its source', () => {
  it('reads a ReadableStream, and cancels it on a block', async () => {
    const text = 'Here are some practical methods.'
    const events = await collect(
      guard.moderate(PROMPT, ReadableStream.from([...text]), { policy: NEVER_BLOCK }),
    )
    expect(textOf(events)).toBe(text)
    let cancelled = false
    const endless = new ReadableStream<string>({
      pull: (controller) => controller.enqueue('some text '),
      cancel: () => {
        cancelled = true
      },
    })
    const blocked = await collect(
      guard.moderate(PROMPT, endless, { policy: { ...REPLY_ONLY, mode: 'strict' } }),
    )
    expect(only(blocked, 'block').length).toBe(1)
    expect(cancelled).toBe(true)
  })

  it("throws the source's error, and gives its sequence back", async () => {
    async function* source() {
      yield 'Some text '
      throw new Error('the model is gone')
    }
    await expect(collect(guard.moderate(PROMPT, source(), { policy: NEVER_BLOCK }))).rejects.toThrow(
      'the model is gone',
    )
    const bytes = pieces([Buffer.from('text') as unknown as string])
    await expect(collect(guard.moderate(PROMPT, bytes, { policy: NEVER_BLOCK }))).rejects.toThrow(TypeError)
    expect(guard.stats().openSequences).toBe(0)
  })

  it('throws for a source that fails without an error, and blames no guard', async () => {
    const reply = new ReadableStream<string>({ start: (controller) => controller.error() })
    const types: string[] = []
    const events = async () => {
      for await (const { type } of guard.moderate(PROMPT, reply, { policy: REPLY_ONLY })) types.push(type)
    }
    await expect(events()).rejects.toBeUndefined()
    expect(types).toEqual(['prompt'])
  })

  it('throws for a stream that somebody else reads, and leaves nothing on the signal', async () => {
    const locked = new ReadableStream<string>()
    locked.getReader()
    const { signal } = new AbortController()
    await expect(collect(guard.moderate(PROMPT, locked, { signal }))).rejects.toThrow(TypeError)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect(guard.stats().openSequences).toBe(0)
  })

  it('throws the reason of an abort, even while the source is silent', async () => {
    const controller = new AbortController()
    async function* silent() {
      yield 'Some text '
      await new Promise(() => {})
    }
    const options: ModerateOptions = { policy: NEVER_BLOCK, signal: controller.signal }
    const types: string[] = []
    await expect(
      (async () => {
        for await (const event of guard.moderate(PROMPT, silent(), options)) {
          types.push(event.type)
          if (event.type === 'text') setTimeout(() => controller.abort(new Error('enough')), 10)
        }
      })(),
    ).rejects.toThrow('enough')
    expect(types).toEqual(['prompt', 'text'])
    expect(guard.stats().openSequences).toBe(0)
  })

  it('stops the source when the consumer breaks off', async () => {
    let stopped = false
    async function* source() {
      try {
        while (true) {
          yield 'more text '
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
      } finally {
        stopped = true
      }
    }
    for await (const event of guard.moderate(PROMPT, source(), { policy: NEVER_BLOCK })) {
      if (event.type === 'text') break
    }
    await expect.poll(() => stopped).toBe(true)
    expect(guard.stats().openSequences).toBe(0)
  })

  it('reads no further ahead than its bound while nobody takes its events', async () => {
    let read = 0
    async function* endless() {
      while (true) {
        read += 1
        yield 'x'.repeat(1000)
      }
    }
    const events = guard.moderate(PROMPT, endless(), { policy: NEVER_BLOCK })[Symbol.asyncIterator]()
    expect((await events.next()).value).toMatchObject({ type: 'prompt' })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(read).toBeLessThan(100)
    await events.return?.()
    expect(guard.stats().openSequences).toBe(0)
  })

  it('reads the source while the prompt is judged, and releases nothing before its verdict', async () => {
    const log: string[] = []
    async function* source() {
      for (let i = 0; i < 5; i++) {
        log.push('piece')
        yield 'some text '
      }
      log.push('over')
    }
    for await (const event of guard.moderate(PROMPT, source(), { policy: NEVER_BLOCK })) log.push(event.type)
    // The source has nothing to wait for, the prompt a decode: all has come before the first event.
    expect(log.slice(0, 8)).toEqual([...Array(5).fill('piece'), 'over', 'prompt', 'text'])
  })

  it('stops while it waits, for text or for a place, when the consumer gives up', async () => {
    const source = stalling(['Some text '])
    const events = guard.moderate(PROMPT, source, { policy: NEVER_BLOCK })[Symbol.asyncIterator]()
    expect((await events.next()).value).toMatchObject({ type: 'prompt' })
    expect((await events.next()).value).toMatchObject({ type: 'text' })
    const waiting = events.next()
    await events.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(await events.next()).toEqual({ done: true, value: undefined })
    expect(source.returned).toBe(true)
    expect(guard.stats().openSequences).toBe(0)

    const full = await StreamGuard.load({ model: await fixtureModel('stream-f32-tied'), maxSequences: 1 })
    const open = await full.open(PROMPT)
    const queued = stalling(['Some text '])
    const behind = full.moderate(PROMPT, queued)[Symbol.asyncIterator]()
    const first = behind.next()
    await expect.poll(() => full.stats().queued).toBe(1)
    await behind.return?.()
    expect(await first).toEqual({ done: true, value: undefined })
    expect(queued.returned).toBe(true)
    expect(full.stats()).toMatchObject({ queued: 0, openSequences: 1 })
    await open.close()
    await full.close()
  })

  it('is held up by its own consumer only', async () => {
    const text = 'Some methods to build things. '
    const stalled = guard.moderate(PROMPT, stalling([text]), { policy: NEVER_BLOCK })[Symbol.asyncIterator]()
    await stalled.next()
    const others = await Promise.all(
      Array.from({ length: guard.stats().maxSequences - 1 }, () =>
        collect(guard.moderate(PROMPT, pieces([...text]), { policy: NEVER_BLOCK })),
      ),
    )
    for (const events of others) expect(textOf(events)).toBe(text)
    expect(guard.stats().openSequences).toBe(1)
    await stalled.return?.()
    expect(guard.stats().openSequences).toBe(0)
  })

  it('rejects with the reason of an abort while the prompt waits for its turn, and stops the source', async () => {
    const full = await StreamGuard.load({ model: await fixtureModel('stream-f32-tied'), maxSequences: 1 })
    const open = await full.open(PROMPT)
    const controller = new AbortController()
    const source = stalling([])
    const events = collect(full.moderate(PROMPT, source, { signal: controller.signal }))
    await expect.poll(() => full.stats().queued).toBe(1)
    controller.abort(new Error('enough'))
    await expect(events).rejects.toThrow('enough')
    expect(source.returned).toBe(true)
    expect(full.stats().queued).toBe(0)
    await open.close()
    await full.close()
  })

  it.each([
    ['a Node stream', (list: string[]) => silentReadable(list)],
    ['a ReadableStream', (list: string[]) => silentStream(list)],
    ['a generator with the controller of its request', (list: string[]) => silentRequest(list)],
  ])(
    'ends %s that is silent at once: at a block, an abort, and when the consumer leaves',
    async (_, open) => {
      const blocked = open(['some text '])
      const policy: Policy = { ...REPLY_ONLY, threshold: 1e-9, consecutive: 1 }
      const events = await collect(guard.moderate(PROMPT, blocked.reply, { policy }))
      expect(only(events, 'block')).toMatchObject([{ reason: 'reply' }])
      await expect.poll(blocked.stopped).toBe(true)

      const prompt = open([])
      expect(only(await collect(guard.moderate(PROMPT, prompt.reply, STRICT)), 'block')).toHaveLength(1)
      await expect.poll(prompt.stopped).toBe(true)

      const aborted = open(['some text '])
      const abort = new AbortController()
      const reading = async () => {
        const options = { policy: NEVER_BLOCK, signal: abort.signal }
        for await (const { type } of guard.moderate(PROMPT, aborted.reply, options)) {
          if (type === 'text') setTimeout(() => abort.abort(new Error('enough')), 10)
        }
      }
      await expect(reading()).rejects.toThrow('enough')
      await expect.poll(aborted.stopped).toBe(true)

      const left = open(['some text '])
      for await (const { type } of guard.moderate(PROMPT, left.reply, { policy: NEVER_BLOCK })) {
        if (type === 'text') break
      }
      await expect.poll(left.stopped).toBe(true)

      const dropped = open([])
      await guard.moderate(PROMPT, dropped.reply)[Symbol.asyncIterator]().return?.()
      await expect.poll(dropped.stopped).toBe(true)
      expect(guard.stats().openSequences).toBe(0)
    },
  )

  it('stops a source that it never came to read', async () => {
    const source = () => {
      let cancelled = false
      const reply = new ReadableStream<string>({
        cancel: () => {
          cancelled = true
        },
      })
      return { reply, cancelled: () => cancelled }
    }
    const aborted = source()
    const signal = AbortSignal.abort(new Error('gone'))
    await expect(collect(guard.moderate(PROMPT, aborted.reply, { signal }))).rejects.toThrow('gone')
    expect(aborted.cancelled()).toBe(true)

    const dropped = source()
    await guard.moderate(PROMPT, dropped.reply)[Symbol.asyncIterator]().return?.()
    expect(dropped.cancelled()).toBe(true)

    await using conversation = await guard.conversation()
    const open = await conversation.open(PROMPT)
    const second = source()
    await expect(collect(conversation.moderate('And then?', second.reply))).rejects.toThrow(TypeError)
    expect(second.cancelled()).toBe(true)
    await open.close()
  })
})
