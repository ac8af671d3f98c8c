import { describe, expect, it } from 'vitest'
import { GuardClosedError, type Input, type Message, TooLongError } from '../../lib/index.js'
import {
  collected,
  fresh,
  guard,
  judgedAfresh,
  prepared,
  SYSTEM,
  TURNS,
  turn,
} from '../support/conversations.js'
import { expectSame, finish, pieces } from '../support/judged.js'

describe('a conversation', () => {
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
})
