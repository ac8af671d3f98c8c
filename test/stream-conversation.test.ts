import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  type Conversation,
  GuardClosedError,
  type Input,
  type Message,
  type Moderation,
  type ModerationEvent,
  type PromptVerdict,
  StreamGuard,
  type TokenVerdict,
  TooLongError,
} from '../lib/index.js'
import { fixtureModel } from './support/fixture-model.js'

const SYSTEM: Message = {
  role: 'system',
  content: 'You help people with their gardens. Answer in one sentence.',
}

/** What a user asks and a model answers; the reasoning of some turns stands before the answer. */
const TURNS: readonly { prompt: string; reply: string; reasoning?: boolean }[] = [
  { prompt: 'How do I keep cats away from my pond?', reply: 'A net over it is the kindest way, 你好 👍🏽.' },
  {
    prompt: 'And what about herons?',
    reply: 'They fear shiny things.\nLet me think.</think>\n\nHang up an old CD; it moves in the wind.',
    reasoning: true,
  },
  { prompt: 'What if I poison them?', reply: '\n\nNo. <|im_end|> That is cruel, and </think> a crime.' },
  {
    prompt: 'Then sell me a better net',
    reply: 'I never thought</think>of selling nets, but',
    reasoning: true,
  },
  { prompt: 'Thanks!', reply: 'You are welcome.' },
]

interface Judged {
  prompt: PromptVerdict
  tokens: TokenVerdict[]
}

function numbers({ prompt, tokens }: Judged): number[] {
  return [prompt, ...tokens].flatMap(({ probabilities, categories }) => [
    ...Object.values(probabilities),
    ...Object.values(categories),
  ])
}

function labels({ prompt, tokens }: Judged) {
  return [[prompt.safety, prompt.category], ...tokens.map(({ probabilities, categories, ...rest }) => rest)]
}

function expectSame(actual: Judged, expected: Judged): void {
  expect(labels(actual)).toEqual(labels(expected))
  const wanted = numbers(expected)
  numbers(actual).forEach((number, i) => {
    expect(Math.abs(number - (wanted[i] as number))).toBeLessThan(1e-5)
  })
}

/** Pushes a reply in pieces and ends it. */
async function finish(moderation: Moderation, reply: string): Promise<Judged> {
  const tokens: TokenVerdict[] = []
  for (let at = 0; at < reply.length; at += 7)
    tokens.push(...(await moderation.push(reply.slice(at, at + 7))))
  tokens.push(...(await moderation.end()).rest)
  return { prompt: moderation.prompt, tokens }
}

async function collected(events: AsyncIterable<ModerationEvent>): Promise<ModerationEvent[]> {
  const list: ModerationEvent[] = []
  for await (const event of events) list.push(event)
  return list
}

async function* pieces(text: string): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += 5) yield text.slice(at, at + 5)
}

describe('a conversation', () => {
  let guard: StreamGuard
  let fresh: StreamGuard

  beforeAll(async () => {
    const model = await fixtureModel('stream-f32-tied')
    const options = { model, kvType: 'f32', flashAttention: false, gpu: false, contextSize: 1024 } as const
    guard = await StreamGuard.load({ ...options, maxSequences: 2 })
    fresh = await StreamGuard.load({ ...options, maxSequences: 1 })
  })
  afterAll(async () => {
    await guard?.close()
    await fresh?.close()
  })

  /** What a guard that has seen nothing says about the same. */
  async function judgedAfresh(messages: Message[], reply: string, reasoning = false): Promise<Judged> {
    await using moderation = await fresh.open(messages, { reasoning })
    return await finish(moderation, reply)
  }

  /** Judges a turn and compares it with a fresh computation; gives how much of the prompt was computed. */
  async function turn(
    conversation: Conversation,
    input: Input,
    reply: string,
    reasoning = false,
  ): Promise<number> {
    await using moderation = await conversation.open(input, { reasoning })
    const messages = conversation.messages
    expect(messages.at(-1)?.role).toBe('user')
    expectSame(await finish(moderation, reply), await judgedAfresh(messages, reply, reasoning))
    expect(conversation.messages).toEqual([...messages, expect.objectContaining({ role: 'assistant' })])
    const { promptTokens, cachedTokens } = moderation.usage
    return promptTokens - cachedTokens
  }

  /** Waits until the last reply is on its way into the sequence, as the only one that is open. */
  async function prepared(conversation: Conversation): Promise<void> {
    await using next = await fresh.open([...conversation.messages, { role: 'user', content: '' }])
    await next.close()
    await using own = await fresh.open('')
    // A line break stands between two messages.
    const history = next.usage.promptTokens - own.usage.promptTokens - 1
    await vi.waitFor(() => expect(guard.stats().cellsUsed).toBe(history), { timeout: 20_000 })
  }

  it('judges every turn as a fresh guard judges the whole, and computes only what is new', async () => {
    await using conversation = await guard.conversation({ messages: [SYSTEM] })
    for (const [i, { prompt, reply, reasoning }] of TURNS.entries()) {
      if (i > 0) await prepared(conversation)
      const computed = await turn(conversation, prompt, reply, reasoning)
      // What stands around a user's message: the end of the turn before it, its own beginning and end.
      await using own = await fresh.open(prompt)
      if (i > 0) expect(computed).toBeLessThanOrEqual(own.usage.promptTokens + 1)
    }
    expect(conversation.messages.map(({ role }) => role).join(' ')).toBe(
      `system${' user assistant'.repeat(TURNS.length)}`,
    )
  })

  it('does not need the background for that', async () => {
    await using conversation = await guard.conversation()
    let messages = 0
    for (const { prompt, reply, reasoning } of TURNS) {
      // Opening the next turn ends the one before it.
      const moderation = await conversation.open(prompt, { reasoning: reasoning ?? false })
      const said = conversation.messages
      expectSame(await finish(moderation, reply), await judgedAfresh(said, reply, reasoning))
      messages += 2
      expect(conversation.messages).toHaveLength(messages)
    }
  })

  it('takes messages for the whole conversation, whatever it held', async () => {
    await using conversation = await guard.conversation()
    await turn(conversation, 'How do I pick a lock?', 'With a pick and a wrench, as follows: first')
    const edited: Message[] = [
      { role: 'user', content: 'How do I pick a lock?' },
      { role: 'assistant', content: 'I cannot help with that.' },
      { role: 'user', content: 'Why not?' },
    ]
    await turn(conversation, edited, 'Because I do not know whose lock it is.')
    await turn(conversation, 'It is mine.', 'Then ask a locksmith.')
    expect(conversation.messages.slice(0, 3)).toEqual(edited)
    // Shorter, another beginning, and the same again.
    await turn(conversation, edited.slice(0, 1), 'Hm.')
    await turn(conversation, [SYSTEM, ...edited], 'Gardens have no locks.')
    await prepared(conversation)
    const [, ...said] = conversation.messages
    expect(await turn(conversation, [SYSTEM, ...said.slice(0, 3)], 'Gardens have no doors.')).toBe(1)
    // Its own messages are nobody else's to change.
    conversation.messages.pop()
    ;(conversation.messages[0] as Message).content = 'changed'
    edited[0] = { role: 'user', content: 'changed' }
    expect(conversation.messages[0]).toEqual(SYSTEM)
    expect(conversation.messages).toHaveLength(5)
  })

  it('goes on from what a rewound reply became', async () => {
    await using conversation = await guard.conversation()
    {
      await using moderation = await conversation.open('Tell me a story')
      const first = await moderation.push('Once upon a time. ')
      await moderation.push('There was a bomb in every house')
      await moderation.end()
      expect(conversation.messages.at(-1)?.content).toContain('bomb')
      moderation.rewind(first.length)
      expect(conversation.messages.at(-1)?.role).toBe('user')
      const again = [
        ...first,
        ...(await moderation.push(' There was a cat')),
        ...(await moderation.end()).rest,
      ]
      const story = 'Once upon a time. There was a cat'
      const expected = await judgedAfresh([{ role: 'user', content: 'Tell me a story' }], story)
      expectSame({ prompt: moderation.prompt, tokens: again }, expected)
      expect(conversation.messages.at(-1)).toEqual({ role: 'assistant', content: story })
    }
    await turn(conversation, 'And then?', 'It slept.')
  })

  it('takes a reply that arrived as ids for the text they stand for', async () => {
    await using conversation = await guard.conversation()
    const { tokens } = await judgedAfresh([{ role: 'user', content: 'Hi' }], 'Hello there, 你好!')
    await using moderation = await conversation.open('Hi')
    await moderation.pushTokens(tokens.map(({ id }) => id))
    await moderation.end()
    expect(conversation.messages.at(-1)).toEqual({ role: 'assistant', content: 'Hello there, 你好!' })
    await turn(conversation, 'Again', 'Hello again.')
  })

  it('does not know what was shown of a reply that was given up, and goes on without it', async () => {
    await using conversation = await guard.conversation()
    const moderation = await conversation.open('First?')
    await moderation.push('Part of an answer that nobody')
    await moderation.close()
    expect(conversation.messages).toEqual([{ role: 'user', content: 'First?' }])
    await turn(conversation, 'Second?', 'Yes.')
  })

  it('survives an aborted prompt, push and wait as if they had not been', async () => {
    await using conversation = await guard.conversation()
    await turn(
      conversation,
      'First?',
      'An answer of some length, so that there is something to compute. '.repeat(5),
    )
    const before = conversation.messages
    const aborted = AbortSignal.abort(new Error('enough'))
    await expect(conversation.open('Second?', { signal: aborted })).rejects.toThrow('enough')
    for (let step = 0; step < 6; step++) {
      const long: Message[] = [...before, { role: 'user', content: `${step} word `.repeat(100) }]
      const abort = new AbortController()
      const opening = conversation.open(long, { signal: abort.signal })
      const outcome = opening.then(
        (moderation) => moderation.close(),
        (error: unknown) => error,
      )
      // The prompt is at another place each time.
      for (let i = 0; i < step; i++) await new Promise((resolve) => setImmediate(resolve))
      abort.abort(new Error('changed my mind'))
      const error = await outcome
      if (error) expect(error).toBe(abort.signal.reason)
      if (error && step === 0) expect(conversation.messages).toEqual(before)
      await using moderation = await conversation.open(long)
      expectSame(await finish(moderation, 'Yes.'), await judgedAfresh(long, 'Yes.'))
    }

    const pushing = new AbortController()
    const moderation = await conversation.open([...before, { role: 'user', content: 'Second?' }], {
      signal: pushing.signal,
    })
    const push = moderation.push('word '.repeat(200))
    pushing.abort(new Error('no more'))
    await expect(push).rejects.toThrow('no more')
    await moderation.close()
    await turn(conversation, [...before, { role: 'user', content: 'Second?' }], 'No.')
    await turn(conversation, 'Third?', 'Yes.')
  })

  it('has room again after a prompt that was too long', async () => {
    await using conversation = await guard.conversation()
    await turn(conversation, 'First?', 'Yes.')
    const before = conversation.messages
    await expect(conversation.open('word '.repeat(1200))).rejects.toThrow(TooLongError)
    expect(conversation.messages).toEqual(before)
    await turn(conversation, 'Second?', 'No.')
  })

  it('has one moderation at a time', async () => {
    await using conversation = await guard.conversation()
    const [first, second] = await Promise.allSettled([conversation.open('One?'), conversation.open('Two?')])
    expect(first.status).toBe('fulfilled')
    expect(second).toMatchObject({ reason: expect.any(TypeError) })
    await expect(collected(conversation.moderate('Two?', pieces('Yes.')))).rejects.toThrow(TypeError)
    if (first.status === 'fulfilled') await finish(first.value, 'Yes.')
    await turn(conversation, 'Two?', 'No.')
    if (first.status === 'fulfilled') {
      await expect(first.value.push('more')).rejects.toThrow(GuardClosedError)
      await first.value.close()
    }
    expect(conversation.messages.map(({ content }) => content)).toEqual(['One?', 'Yes.', 'Two?', 'No.'])
  })

  it.each([[undefined], [[]], [[{ role: 'assistant', content: 'Hi' }]]])(
    'refuses the input %j and stays as it is',
    async (input) => {
      await using conversation = await guard.conversation()
      await expect(conversation.open(input as unknown as Input)).rejects.toThrow(TypeError)
      expect(() => conversation.moderate(input as unknown as Input, pieces('x'))).toThrow(TypeError)
      expect(() => conversation.moderate('x', 'text' as never)).toThrow(TypeError)
      expect(() => conversation.moderate('x', pieces('x'), { holdBack: -1 })).toThrow(RangeError)
      await expect(guard.conversation({ messages: [{ role: 'tool' } as never] })).rejects.toThrow(TypeError)
      await turn(conversation, 'Hello', 'Hi.')
    },
  )

  describe('moderated', () => {
    it('gives the events of a fresh guard and goes on from what was released', async () => {
      await using conversation = await guard.conversation({ messages: [SYSTEM] })
      for (const { prompt, reply, reasoning = false } of TURNS) {
        const messages: Message[] = [...conversation.messages, { role: 'user', content: prompt }]
        const options = {
          tokens: true,
          policy: { mode: 'loose', prompt: 'allow', threshold: 1 },
          reasoning,
        } as const
        const events = await collected(conversation.moderate(prompt, pieces(reply), options))
        const expected = await collected(fresh.moderate(messages, pieces(reply), options))
        const released = (list: ModerationEvent[]) =>
          list.map((event) => (event.type === 'text' ? event.text : '')).join('')
        expect(released(events)).toBe(reply)
        expect(released(expected)).toBe(reply)
        expectSame(judgedIn(events), judgedIn(expected))
        // Judged from the first token of the reasoning, and each said to be in it or not.
        const { tokens } = judgedIn(events)
        const thought = reasoning ? reply.indexOf('</think>') + '</think>'.length : 0
        expect(tokens[0]).toMatchObject({ index: 0, start: 0, part: reasoning ? 'reasoning' : 'answer' })
        for (const { part, end } of tokens) expect(part).toBe(end <= thought ? 'reasoning' : 'answer')
      }
      const { reasoning, content } = conversation.messages[4] as Message
      expect(reasoning).toBe('They fear shiny things.\nLet me think.')
      expect(content).toBe('Hang up an old CD; it moves in the wind.')
      expect(conversation.messages).toHaveLength(1 + 2 * TURNS.length)
    })

    it('says in the first event what did not have to be computed', async () => {
      await using conversation = await guard.conversation()
      const cached: number[] = []
      for (const prompt of ['First?', 'Second?']) {
        const [first] = await collected(
          conversation.moderate(prompt, pieces('Yes.'), { policy: { prompt: 'allow', threshold: 1 } }),
        )
        if (first?.type === 'prompt') cached.push(first.usage.cachedTokens)
      }
      expect(cached[0]).toBe(0)
      expect(cached[1]).toBeGreaterThan(5)
    })

    it('keeps of a reply that was cut off what was released', async () => {
      await using conversation = await guard.conversation()
      // Everything counts: the prompt passes, the reply is blocked at its third token.
      const policy = { prompt: 'allow', threshold: 1e-9, consecutive: 3 } as const
      const events = await collected(
        conversation.moderate('First?', pieces('One two three four five'), { policy, holdBack: 0 }),
      )
      expect(events.some(({ type }) => type === 'block')).toBe(true)
      expect(conversation.messages).toEqual([{ role: 'user', content: 'First?' }])

      // The consumer leaves after the first text.
      let shown = ''
      for await (const event of conversation.moderate('Second?', pieces('One two three four'), {
        policy: { prompt: 'allow', threshold: 1 },
      })) {
        if (event.type !== 'text') continue
        shown = event.text
        break
      }
      expect('One two three four'.startsWith(shown)).toBe(true)
      expect(conversation.messages.slice(1)).toEqual([
        { role: 'user', content: 'Second?' },
        { role: 'assistant', content: shown },
      ])
      await turn(conversation, 'Third?', 'Yes.')

      // A reply whose source fails.
      const failing = (async function* () {
        yield 'One two '
        yield 'three four '
        throw new Error('the model is gone')
      })()
      const allowed = { policy: { prompt: 'allow', threshold: 1 } } as const
      await expect(collected(conversation.moderate('Fourth?', failing, allowed))).rejects.toThrow('is gone')
      const [asked, answered] = conversation.messages.slice(-2)
      expect(asked).toEqual({ role: 'user', content: 'Fourth?' })
      expect(answered?.role).toBe('assistant')
      expect('One two three four '.startsWith(answered?.content ?? '?')).toBe(true)
      await turn(conversation, 'Fifth?', 'Yes.')
    })

    it('is over at once when its reader leaves while it waits', async () => {
      await using conversation = await guard.conversation()
      const silent = new ReadableStream<string>()
      const allowed = { policy: { prompt: 'allow', threshold: 1 } } as const
      const events = conversation.moderate('First?', silent, allowed)[Symbol.asyncIterator]()
      expect((await events.next()).value).toMatchObject({ type: 'prompt' })
      const next = events.next()
      await events.return?.()
      expect((await next).done).toBe(true)
      await turn(conversation, 'Second?', 'Yes.')
      // One that nobody has begun to read is in nobody's way.
      conversation.moderate('Third?', pieces('Yes.'))
      await turn(conversation, 'Third?', 'Yes.')
    })

    it('blocks when the conversation is closed', async () => {
      const conversation = await guard.conversation()
      await conversation.close()
      const events = await collected(conversation.moderate('First?', pieces('Yes.')))
      expect(events.map(({ type }) => type)).toEqual(['block', 'end'])
      expect(events[0]).toMatchObject({ reason: 'failure', error: expect.any(GuardClosedError) })
    })
  })

  it('holds one sequence until it is closed, and no more', async () => {
    const conversation = await guard.conversation()
    const other = await guard.conversation()
    expect(guard.stats().openSequences).toBe(2)
    const waiting = guard.conversation()
    await using moderation = await conversation.open('First?')
    expect(guard.stats()).toMatchObject({ openSequences: 2, queued: 1 })
    const push = moderation.push('Some text that is under way ')
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all([conversation.close(), conversation.close()])
    await push
    await expect(moderation.push('more')).rejects.toThrow(GuardClosedError)
    await expect(conversation.open('Second?')).rejects.toThrow(GuardClosedError)
    await (await waiting).close()
    await other.close()
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(guard.conversation({ signal })).rejects.toThrow('enough')
    expect(guard.stats()).toMatchObject({ openSequences: 0, queued: 0 })
  })

  it('can be closed at any time, and nothing is left over', async () => {
    const rejections: unknown[] = []
    const listener = (reason: unknown) => rejections.push(reason)
    process.on('unhandledRejection', listener)
    const reply = 'A reply to compute again in the background. '.repeat(8)
    for (let step = 0; step < 6; step++) {
      const conversation = await guard.conversation()
      const moderation = await conversation.open('First?')
      await moderation.push(reply)
      await moderation.end()
      await moderation.close()
      // The background is at another place each time.
      for (let i = 0; i < step; i++) await new Promise((resolve) => setImmediate(resolve))
      const opening = step % 2 === 0 ? conversation.open('Second?') : undefined
      const outcome = opening?.then(
        () => 'opened',
        (error: unknown) => error,
      )
      await conversation.close()
      if (outcome) expect(await outcome).toBeInstanceOf(GuardClosedError)
      expect(guard.stats().openSequences).toBe(0)
    }
    await using conversation = await guard.conversation()
    await turn(conversation, 'First?', 'Yes.')
    await prepared(conversation)
    process.off('unhandledRejection', listener)
    expect(rejections).toEqual([])
  })

  it('ends with its guard', async () => {
    const own = await StreamGuard.load({ model: await fixtureModel('stream-f32-tied') })
    const conversation = await own.conversation()
    const moderation = await conversation.open('First?')
    await moderation.push('Some text ')
    await moderation.end()
    await moderation.close()
    await own.close()
    await expect(conversation.open('Second?')).rejects.toThrow(GuardClosedError)
    await expect(own.conversation()).rejects.toThrow(GuardClosedError)
    await conversation.close()
  })
})

describe('a reply that is mended', () => {
  const PROMPT = 'How do I bake a cake?'
  const WRITTEN = 'Start with flour and sugar.'
  const UNSAFE = ' Then steal a gun and murder your neighbour with it, and hide the body.'
  const SAFE = ' Mix them well. Then add butter and bake it for an hour.'
  let guard: StreamGuard

  beforeAll(async () => {
    guard = await StreamGuard.load({ model: 'demo-stream', gpu: false, kvType: 'f32', flashAttention: false })
  })
  afterAll(() => guard?.close())

  it('is judged from where it was taken back as if the rest had never been', async () => {
    await using moderation = await guard.open(PROMPT)
    const kept = await moderation.push(WRITTEN)
    const dropped: TokenVerdict[] = []
    for await (const piece of pieces(UNSAFE)) dropped.push(...(await moderation.push(piece)))
    const { safety, at } = moderation.reply
    expect(safety).toBe('Unsafe')
    expect(at).toBeGreaterThan(kept.length)

    // The full stop was held back, and is the first that was judged of what follows.
    const before = [...kept, ...dropped].findIndex(({ end }) => end === WRITTEN.length) + 1
    moderation.rewind(before)
    expect(moderation.reply).toMatchObject({ at: null, tokenCount: before, complete: false })
    const tokens = [...kept, ...dropped].slice(0, before)
    for await (const piece of pieces(SAFE)) tokens.push(...(await moderation.push(piece)))
    const { rest, ...verdict } = await moderation.end()
    expect(verdict).toMatchObject({ safety: 'Safe', at: null, complete: true })

    await using afresh = await guard.open(PROMPT)
    const expected = await finish(afresh, WRITTEN + SAFE)
    const actual = { prompt: moderation.prompt, tokens: [...tokens, ...rest] }
    expect(labels(actual)).toEqual(labels(expected))
    const wanted = numbers(expected)
    numbers(actual).forEach((number, i) => {
      // Weights in q8_0: how many tokens go together picks the kernel, and so the rounding.
      expect(Math.abs(number - (wanted[i] as number))).toBeLessThan(1e-3)
    })
  })

  it('is shown without what the guard found, as the example in docs does it', async () => {
    const { regenerate } = (await import(EXAMPLE)) as { regenerate: Regenerate }
    const asked: string[] = []
    const model = (replies: readonly string[]) => (_prompt: string, written: string, attempt: number) => {
      asked.push(written)
      return pieces(replies[attempt - 1] ?? '')
    }
    const shown = async (replies: readonly string[]) => {
      let text = ''
      const reply = regenerate(guard, PROMPT, model(replies), { keepBack: 12 })
      for (let next = await reply.next(); ; next = await reply.next()) {
        if (next.done) return { text, complete: next.value }
        text += next.value
      }
    }
    expect(await shown([WRITTEN + UNSAFE, WRITTEN + SAFE])).toEqual({ text: WRITTEN + SAFE, complete: true })
    expect(asked).toEqual(['', ''])
    // What was shown before stays, and the model goes on behind it.
    const long = 'Take a bowl, a spoon, a cup and a pan, and put them on the table in your kitchen. '
    const mended = await shown([long + WRITTEN + UNSAFE, ' Then bake it.'])
    expect(mended.complete).toBe(true)
    expect(mended.text).toBe(`${asked.at(-1)} Then bake it.`)
    expect(asked.at(-1)?.length).toBeGreaterThan(10)
    expect((long + WRITTEN).startsWith(asked.at(-1) as string)).toBe(true)

    const given = await shown([WRITTEN + UNSAFE, UNSAFE, UNSAFE])
    expect(given.complete).toBe(false)
    expect(WRITTEN.startsWith(given.text)).toBe(true)
    expect(guard.stats().openSequences).toBe(0)
  })
})

const EXAMPLE = new URL('../docs/examples/regenerate.mjs', import.meta.url).href

type Regenerate = (
  guard: StreamGuard,
  prompt: string,
  generate: (prompt: string, written: string, attempt: number) => AsyncIterable<string>,
  options: { keepBack: number },
) => AsyncGenerator<string, boolean, undefined>

function judgedIn(events: readonly ModerationEvent[]): Judged {
  const [first] = events
  if (first?.type !== 'prompt') throw new Error(`the first event is ${first?.type}`)
  const tokens = events.flatMap((event) => (event.type === 'token' ? [event.verdict] : []))
  return { prompt: first.verdict, tokens }
}
