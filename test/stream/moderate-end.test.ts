import { describe, expect, it } from 'vitest'
import { type Policy, StreamGuard } from '../../lib/index.js'
import { fixtureModel } from '../support/fixture-model.js'
import { collect, guard, NEVER_BLOCK, only, PROMPT, pieces, REPLY_ONLY } from '../support/moderating.js'

/** Blocks at the first token that is not surely safe. */
const EAGER: Policy = { ...REPLY_ONLY, consecutive: 1, threshold: 1e-9 }

describe('the end of a moderation', () => {
  it('says that the policy blocked, where the verdict is Safe and complete', async () => {
    // One token: it is judged when the reply has ended, all of it is, and two in a row are needed for a verdict.
    const events = await collect(guard.moderate(PROMPT, pieces(['a']), { policy: EAGER }))
    expect(only(events, 'block')).toMatchObject([{ reason: 'reply', start: 0 }])
    expect(events.at(-1)).toMatchObject({
      type: 'end',
      verdict: { safety: 'Safe', complete: true },
      action: 'block',
    })
  })

  it('says the most severe of what the policy did', async () => {
    const end = async (policy: Policy) => {
      const [last] = only(await collect(guard.moderate(PROMPT, pieces(['Hello there']), { policy })), 'end')
      return last?.action
    }
    const silent: Policy = { prompt: 'allow', consecutive: 1000 }
    expect(await end(silent)).toBe('allow')
    expect(await end({ ...silent, prompt: 'flag', threshold: 1e-9 })).toBe('flag')
    expect(await end({ ...EAGER, prompt: 'allow' })).toBe('block')
    expect(await end({ threshold: 1e-9 })).toBe('block')
    const short = await StreamGuard.load({ model: await fixtureModel('stream-f32-tied'), contextSize: 64 })
    const failing = async (policy: Policy) => {
      const reply = pieces(['word '.repeat(100)])
      return only(await collect(short.moderate(PROMPT, reply, { policy })), 'end')[0]
    }
    expect(await failing(NEVER_BLOCK)).toMatchObject({ action: 'block', verdict: { complete: false } })
    const allowed = await failing({ ...NEVER_BLOCK, onFailure: 'allow' })
    expect(allowed).toMatchObject({ action: 'flag', verdict: { complete: false } })
    await short.close()
  })

  it('is not reached with half a character: a reply released unjudged is cut between code points', async () => {
    const closed = await StreamGuard.load({ model: await fixtureModel('stream-f32-tied') })
    await closed.close()
    const policy: Policy = { onFailure: 'allow' }
    const run = async (list: string[]) =>
      only(await collect(closed.moderate(PROMPT, pieces(list, 10), { policy })), 'text').map(
        ({ text }) => text,
      )
    const halves = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/
    for (let cut = 1; cut < 6; cut++) {
      const text = 'a😀b😀'
      const texts = await run([text.slice(0, cut), text.slice(cut)])
      expect(texts.join('')).toBe(text)
      for (const one of texts) expect(one).not.toMatch(halves)
    }
    // A half that nothing completes is released all the same: nothing is lost.
    expect((await run(['a\ud83d'])).join('')).toBe('a\ud83d')
  })
})
