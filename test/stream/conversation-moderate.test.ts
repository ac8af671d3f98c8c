import { describe, expect, it } from 'vitest'
import {
  applyPolicy,
  GuardClosedError,
  type Input,
  type Message,
  type ModerationEvent,
  type Policy,
  type TokenVerdict,
} from '../../lib/index.js'
import {
  collected,
  fresh,
  guard,
  judgedAfresh,
  judgedIn,
  SYSTEM,
  TURNS,
  turn,
} from '../support/conversations.js'
import { expectSame, pieces } from '../support/judged.js'
import { manyTexts } from '../support/texts.js'

describe('a conversation that is moderated', () => {
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

  it('goes on from what was released of the same reply, as if it had come in one', async () => {
    await using conversation = await guard.conversation({ messages: [SYSTEM] })
    const policy = { mode: 'loose', prompt: 'allow', threshold: 1 } as const
    for (const reasoning of [false, true]) {
      const [first, second] = ['A net over the pond.\n', 'Herons fear shiny things, 你好 👍🏽.\n']
      const asked: Message[] = [
        ...conversation.messages,
        { role: 'user', content: 'How do I keep cats away?' },
      ]
      const run = async (input: Input, reply: string) =>
        await collected(conversation.moderate(input, pieces(reply), { tokens: true, policy, reasoning }))
      const before = judgedIn(await run('How do I keep cats away?', first))
      const said = reasoning ? { content: 'Hm.\n', reasoning: first } : { content: first, reasoning: 'Hm.' }
      const events = await run([...asked, { role: 'assistant', ...said }], second)
      expect(events.map((event) => (event.type === 'text' ? event.text : '')).join('')).toBe(second)

      const { prompt, tokens } = judgedIn(events)
      expectSame(
        { prompt, tokens: [...before.tokens, ...tokens] },
        await judgedAfresh(asked, first + second, reasoning),
      )
      expect(events.at(-1)).toMatchObject({
        verdict: { complete: true, tokenCount: before.tokens.length + tokens.length },
      })
      const whole = reasoning ? { reasoning: (first + second).trim() } : { content: first + second }
      expect(conversation.messages).toEqual([...asked, { role: 'assistant', ...said, ...whole }])
      await turn(conversation, 'And now?', 'Yes.')
    }
  })

  it('counts runs across the place from which it goes on, and releases nothing where one blocks', async () => {
    await using conversation = await guard.conversation()
    const asked: Message = { role: 'user', content: 'First?' }
    const text = manyTexts(1, 8)[0]?.replaceAll(/\s+/gu, ' ') ?? ''
    const { prompt, tokens } = await judgedAfresh([asked], text)
    let across = 0
    for (const consecutive of [2, 3, 4]) {
      const policy: Policy = { mode: 'strict', prompt: 'allow', consecutive }
      const block = applyPolicy(prompt, tokens, policy).block
      const last = block?.verdict as TokenVerdict
      expect(block?.reason).toBe('reply')
      for (const { index: at } of text.matchAll(/ (?=\p{L})/gu)) {
        const said: Message = { role: 'assistant', content: text.slice(0, at) }
        const events = await collected(
          conversation.moderate([asked, said], pieces(text.slice(at)), { policy }),
        )
        const shown = events.map((event) => (event.type === 'text' ? event.text : '')).join('')
        const start = Math.max(at, block?.start ?? 0)
        expect(shown).toBe(text.slice(at, start))
        expect(events.at(-2)).toMatchObject({ type: 'block', reason: 'reply', start })
        expect(conversation.messages).toEqual([asked, { ...said, content: text.slice(0, start) }])
        if ((block?.start ?? 0) < at && at < last.end) across += 1
      }
    }
    expect(across).toBeGreaterThan(0)
  })

  it('goes on from nothing that it cannot judge', async () => {
    await using conversation = await guard.conversation()
    const asked: Message = { role: 'user', content: 'First?' }
    const long: Message = { role: 'assistant', content: 'word '.repeat(1200) }
    let cancelled = false
    const more = new ReadableStream<string>({
      pull: (controller) => controller.enqueue('more '),
      cancel: () => {
        cancelled = true
      },
    })
    const events = await collected(
      conversation.moderate([asked, long], more, { policy: { prompt: 'allow' } }),
    )
    expect(events.map(({ type }) => type)).toEqual(['prompt', 'block', 'end'])
    expect(events[1]).toMatchObject({ reason: 'failure', start: long.content.length })
    expect(cancelled).toBe(true)

    for (const input of [[long], [asked, long, long]]) {
      expect(() => conversation.moderate(input, pieces('x'))).toThrow(TypeError)
    }
    await expect(conversation.open([asked, long])).rejects.toThrow(TypeError)
  })

  it('judges against the messages as they were at the call', async () => {
    await using conversation = await guard.conversation()
    const messages: Message[] = [{ role: 'user', content: 'First?' }]
    const allowed = { policy: { prompt: 'allow', threshold: 1 } } as const
    const events = conversation.moderate(messages, pieces('Yes.'), allowed)
    Object.assign(messages[0] as Message, { content: 'Another?' })
    messages.push({ role: 'user', content: 'Second?' })
    await collected(events)
    expect(conversation.messages).toEqual([
      { role: 'user', content: 'First?' },
      { role: 'assistant', content: 'Yes.' },
    ])
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
