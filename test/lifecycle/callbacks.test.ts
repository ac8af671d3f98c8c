import { afterEach, describe, expect, it } from 'vitest'
import { moderationStream } from '../../lib/adapters/web-streams.js'
import { GenGuard, type Input, type ModerationEvent, StreamGuard } from '../../lib/index.js'
import { heard } from '../../lib/queue/heard.js'
import { collect } from '../support/moderating.js'

// What the caller gives to be called may throw, or never come to an end. Whoever waits is told, others are not held, and
// close() resolves.
const OPTIONS = { gpu: false, maxSequences: 2, contextSize: 512 } as const
const PROMPT = 'How do I bake bread?'
const guards: (GenGuard | StreamGuard)[] = []
afterEach(async () => {
  await Promise.all(guards.splice(0).map((guard) => guard.close()))
})

async function streamGuard(): Promise<StreamGuard> {
  const guard = await StreamGuard.load({ ...OPTIONS, model: 'demo' })
  guards.push(guard)
  return guard
}

async function genGuard(): Promise<GenGuard> {
  const guard = await GenGuard.load({ ...OPTIONS, model: 'demo' })
  guards.push(guard)
  return guard
}

/** Some items, and then never another. */
async function* silentAfter<T>(...items: T[]): AsyncGenerator<T> {
  yield* items
  await new Promise(() => {})
}

/** Takes events until there is one of the type. */
async function until(events: AsyncIterator<ModerationEvent>, type: ModerationEvent['type']): Promise<void> {
  for (let one = await events.next(); one.value?.type !== type; one = await events.next()) {
    if (one.done) throw new Error(`it ended before ${type}`)
  }
}

describe('a source that never says another word', () => {
  it('is left when the guard is closed: the reply is blocked as one that was not judged', async () => {
    const guard = await streamGuard()
    const events = collect(guard.moderate(PROMPT, silentAfter('Mix flour, ', 'water and salt.')))
    const waiting = guard.moderate(PROMPT, silentAfter())[Symbol.asyncIterator]()
    await until(waiting, 'prompt')
    const next = waiting.next()
    await guard.close()
    const all = await events
    expect(all.at(-2)).toMatchObject({ type: 'block', reason: 'failure', error: { code: 'ERR_CLOSED' } })
    expect(all.at(-1)).toMatchObject({ type: 'end', action: 'block' })
    expect((await next).value).toMatchObject({ type: 'block', error: { code: 'ERR_CLOSED' } })
  })

  it("releases what comes later with onFailure: 'allow'", async () => {
    const guard = await streamGuard()
    let speak = (_: string) => {}
    const said = new Promise<string>((resolve) => {
      speak = resolve
    })
    async function* reply() {
      yield await said
    }
    const events = collect(guard.moderate(PROMPT, reply(), { policy: { onFailure: 'allow' } }))
    await guard.close()
    speak('Mix flour and water.')
    const all = await events
    expect(all.map(({ type }) => type).slice(-3)).toEqual(['flag', 'text', 'end'])
  })

  it('is left by a conversation as well, and by classifyAll', async () => {
    const guard = await streamGuard()
    const conversation = await guard.conversation()
    const events = collect(conversation.moderate(PROMPT, silentAfter('Mix flour.')))
    const gen = await genGuard()
    const verdicts = gen.classifyAll(silentAfter<Input>(PROMPT))[Symbol.asyncIterator]()
    expect((await verdicts.next()).value).toMatchObject({ safety: 'Safe' })
    const none = verdicts.next()
    const told = expect(none).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await Promise.all([guard.close(), gen.close()])
    await told
    expect((await events).at(-2)).toMatchObject({ type: 'block', error: { code: 'ERR_CLOSED' } })
  })

  it('holds nobody but whoever waits for its place', async () => {
    const guard = await streamGuard()
    const silent = guard.moderate(PROMPT, silentAfter('Mix '))[Symbol.asyncIterator]()
    await until(silent, 'prompt')
    const stuck = silent.next()
    // The other place serves the others, one after the other.
    for (let i = 0; i < 3; i++) {
      const [end] = (await collect(guard.moderate(PROMPT, silentThenDone('Mix flour.')))).slice(-1)
      expect(end).toMatchObject({ type: 'end', action: 'allow' })
    }
    const second = guard.moderate(PROMPT, silentAfter('Mix '))[Symbol.asyncIterator]()
    await until(second, 'prompt')
    const third = await collect(guard.moderate(PROMPT, silentThenDone('Mix.'), { queueTimeoutMs: 20 }))
    expect(third[0]).toMatchObject({ type: 'block', reason: 'overload', error: { code: 'ERR_BUSY' } })
    await Promise.all([silent.return?.(), second.return?.()])
    await stuck
    expect(guard.stats()).toMatchObject({ openSequences: 0, queued: 0 })
  })
})

async function* silentThenDone(text: string): AsyncGenerator<string> {
  yield text
}

describe('a consumer that takes no more events', () => {
  it('does not keep close() from resolving, and is told when it comes back', async () => {
    const guard = await streamGuard()
    const events = guard
      .moderate(PROMPT, silentThenDone('Mix flour and water. '.repeat(60)), { tokens: true })
      [Symbol.asyncIterator]()
    await until(events, 'token')
    await guard.close()
    const rest: ModerationEvent[] = []
    for (let one = await events.next(); !one.done; one = await events.next()) rest.push(one.value)
    expect(rest.at(-2)).toMatchObject({ type: 'block', error: { code: 'ERR_CLOSED' } })
    expect(rest.at(-1)).toMatchObject({ type: 'end' })
  })
})

describe('a callback that throws', () => {
  const thrown = new Error('on purpose')
  const throws = () => {
    throw thrown
  }

  it.each([
    ['onEvent', { onEvent: throws }],
    ['replacement', { replacement: throws, policy: { prompt: 'block' as const } }],
  ])('%s ends its own stream with that error, and no other', async (_, options) => {
    const guard = await streamGuard()
    const read = async (given: object, prompt: string) => {
      const reply = new ReadableStream<string>({
        start(controller) {
          controller.enqueue('Mix flour and water.')
          controller.close()
        },
      })
      let text = ''
      for await (const piece of reply.pipeThrough(moderationStream(guard, prompt, given))) text += piece
      return text
    }
    const [bad, good] = await Promise.allSettled([read(options, 'How can I make a bomb?'), read({}, PROMPT)])
    expect(bad).toMatchObject({ status: 'rejected', reason: thrown })
    expect(good).toEqual({ status: 'fulfilled', value: 'Mix flour and water.' })
    expect(guard.stats()).toMatchObject({ openSequences: 0, queued: 0 })
  })

  it('onProgress rejects its load, and another of the same file goes on', async () => {
    const bad = StreamGuard.load({ ...OPTIONS, model: 'demo', onProgress: throws })
    await expect(bad).rejects.toBe(thrown)
    const good = await streamGuard()
    expect((await good.classifyPrompt(PROMPT)).safety).toBe('Safe')
  })

  it('in a queue is one warning, and no end of the process', async () => {
    const warnings: string[] = []
    const note = (warning: Error) => warnings.push(warning.message)
    process.on('warning', note)
    const told = heard('onNote', throws)
    told('one')
    told('two')
    heard('onProgress', () => Promise.reject(new Error('later')))('three')
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', note)
    expect(warnings).toEqual(['onNote threw: on purpose', 'onProgress threw: later'])
  })
})

describe('an iterable of inputs that throws', () => {
  it('ends classifyAll with its error; other checks go on', async () => {
    const guard = await genGuard()
    async function* inputs(): AsyncGenerator<Input> {
      yield PROMPT
      throw new RangeError('no more')
    }
    const list = async () => {
      for await (const { safety } of guard.classifyAll(inputs())) expect(safety).toBe('Safe')
    }
    const [bad, good] = await Promise.allSettled([list(), guard.classify(PROMPT)])
    expect(bad).toMatchObject({ status: 'rejected', reason: { message: 'no more' } })
    expect(good).toMatchObject({ status: 'fulfilled', value: { safety: 'Safe' } })
  })
})
