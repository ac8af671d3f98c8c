import { describe, expect, it } from 'vitest'
import { GuardClosedError, StreamGuard } from '../../lib/index.js'
import { guard, prepared, turn } from '../support/conversations.js'
import { fixtureModel } from '../support/fixture-model.js'

describe('a conversation', () => {
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
