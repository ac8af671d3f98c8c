import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { StreamGuard, type TokenVerdict } from '../../lib/index.js'
import { GPU, near } from '../support/gpu.js'
import { finish, labels, numbers, pieces } from '../support/judged.js'

const EXAMPLE = new URL('../../docs/examples/regenerate.mjs', import.meta.url).href

type Regenerate = (
  guard: StreamGuard,
  prompt: string,
  generate: (prompt: string, written: string, attempt: number) => AsyncIterable<string>,
  options: { keepBack: number },
) => AsyncGenerator<string, boolean, undefined>

describe('a reply that is mended', () => {
  const PROMPT = 'How do I bake a cake?'
  const WRITTEN = 'Start with flour and sugar.'
  const UNSAFE = ' Then steal a gun and murder your neighbour with it, and hide the body.'
  const SAFE = ' Mix them well. Then add butter and bake it for an hour.'
  let guard: StreamGuard

  beforeAll(async () => {
    guard = await StreamGuard.load({ model: 'demo-stream', gpu: GPU, kvType: 'f32', flashAttention: false })
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
      expect(Math.abs(number - (wanted[i] as number))).toBeLessThan(near(1e-3, 'q8_0'))
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
