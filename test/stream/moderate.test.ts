import { describe, expect, it } from 'vitest'
import {
  applyPolicy,
  type GuardError,
  type ModerateOptions,
  type ModerationEvent,
  type Policy,
  type Safety,
  StreamGuard,
  type TokenVerdict,
} from '../../lib/index.js'
import { fixtureModel } from '../support/fixture-model.js'
import {
  collect,
  guard,
  NEVER_BLOCK,
  NEVER_COUNTS,
  only,
  PROMPT,
  pieces,
  REPLY_ONLY,
  stalling,
  textOf,
} from '../support/moderating.js'
import { manyTexts, randomPieces, seeded } from '../support/texts.js'

describe('moderate', () => {
  async function judged(text: string): Promise<TokenVerdict[]> {
    await using moderation = await guard.open(PROMPT)
    return [...(await moderation.push(text)), ...(await moderation.end()).rest]
  }

  /** Where a policy without thresholds or categories must stop a reply: the start of the run that fires. */
  function expectedBlock(tokens: readonly TokenVerdict[], { mode = 'loose', consecutive = 2 }: Policy) {
    const counts = (risk: Safety) => risk === 'Unsafe' || (mode === 'strict' && risk === 'Controversial')
    for (let i = consecutive - 1; i < tokens.length; i++) {
      const run = tokens.slice(i - consecutive + 1, i + 1)
      const risk = tokens[i]?.risk as Safety
      if (counts(risk) && run.every((token) => token.risk === risk)) {
        return { index: i, start: run[0]?.start as number }
      }
    }
    return null
  }

  it('releases everything before the first run that blocks and nothing from it on, however the reply is cut', async () => {
    const random = seeded(31)
    let blocked = 0
    for (const text of manyTexts(30, 12)) {
      const tokens = await judged(text)
      for (const policy of [{}, { mode: 'strict' }, { consecutive: 1 }, { consecutive: 4 }] as Policy[]) {
        const all = { ...REPLY_ONLY, ...policy }
        const events = await collect(
          guard.moderate(PROMPT, pieces(randomPieces(text, random)), { policy: all }),
        )
        const expected = expectedBlock(tokens, policy)
        const [block] = only(events, 'block')
        expect(events[0]?.type).toBe('prompt')
        expect(only(events, 'end').length).toBe(1)
        expect(events.at(-1)?.type).toBe('end')
        if (block?.provisional) {
          // Text held back was judged beforehand, as if the reply ended there; it may have become other tokens.
          expect(textOf(events)).toBe(text.slice(0, block.start))
          expect(block.start).toBeLessThanOrEqual(expected?.start ?? text.length)
        } else if (expected === null) {
          expect(block).toBeUndefined()
          expect(textOf(events)).toBe(text)
        } else {
          blocked += 1
          expect(block).toMatchObject({
            reason: 'reply',
            start: expected.start,
            verdict: { index: expected.index },
          })
          expect(textOf(events)).toBe(text.slice(0, expected.start))
        }
      }
    }
    expect(blocked).toBeGreaterThan(20)
  })

  it('shows every token once, and its text not before it', async () => {
    const text = 'Some methods to build things. 你好 👍🏽 今天天气真好我们一起去公园散步吧然后回家吃饭 done'
    const events = await collect(
      guard.moderate(PROMPT, pieces([...text]), { tokens: true, policy: NEVER_BLOCK }),
    )
    const tokens = only(events, 'token').map((event) => event.verdict)
    expect(tokens.map((token) => token.index)).toEqual(tokens.map((_, i) => i))
    expect(tokens.map((token) => token.text).join('')).toBe(text)
    expect(tokens.map((token) => token.risk)).toEqual((await judged(text)).map((token) => token.risk))
    let judgedTo = 0
    let released = 0
    for (const event of events) {
      if (event.type === 'token') judgedTo = event.verdict.end
      if (event.type === 'text') released += event.text.length
      expect(released).toBeLessThanOrEqual(judgedTo)
    }
    expect(released).toBe(text.length)
  })

  it('blocks while text is still held back, by what the guard says of it beforehand, and releases none of it', async () => {
    // A run of letters is one word, so nothing of it is final before it ends, and this one does not.
    const run = '今天天气真好我们一起去公园散步吧然后回家吃饭'
    const before = 'Some text '
    const final: TokenVerdict[] = []
    await using moderation = await guard.open(PROMPT)
    for (const character of before + run) final.push(...(await moderation.push(character)))
    const peak = (tokens: readonly TokenVerdict[]) =>
      Math.max(...tokens.map((token) => token.probabilities.Unsafe))
    expect(peak(moderation.provisional)).toBeGreaterThan(peak(final))

    const source = stalling([before, ...run])
    const threshold = (peak(moderation.provisional) + peak(final)) / 2
    const policy: Policy = { ...REPLY_ONLY, consecutive: 1, threshold }
    const events = await collect(guard.moderate(PROMPT, source, { policy, tokens: true }))
    expect(only(events, 'block')).toMatchObject([
      { reason: 'reply', provisional: true, start: textOf(events).length },
    ])
    expect(before.startsWith(textOf(events))).toBe(true)
    expect(only(events, 'token').every(({ verdict }) => verdict.end <= before.length)).toBe(true)
    expect(events.at(-1)).toMatchObject({ type: 'end', verdict: { safety: 'Unsafe', complete: false } })
    expect(source.returned).toBe(true)
  })

  it('holds back as many judged tokens as asked for', async () => {
    const text = 'word after word after word after word after word after word'
    const events = await collect(
      guard.moderate(PROMPT, pieces([...text]), { tokens: true, holdBack: 3, policy: NEVER_COUNTS }),
    )
    const tokens: TokenVerdict[] = []
    let released = 0
    for (const event of events) {
      if (event.type === 'text') released += event.text.length
      if (event.type !== 'token') continue
      // The token is shown once the text that the ones before it cleared is out.
      expect(released).toBe(tokens.at(-4)?.end ?? 0)
      tokens.push(event.verdict)
    }
    expect(tokens.length).toBeGreaterThan(8)
    expect(textOf(events)).toBe(text)
  })

  it('releases whole sentences, and of a sentence with a block nothing', async () => {
    const text =
      'Here is one thing. And here is another! Is this a third? Yes. It is so 好。下一句在这里。 The end comes here.'
    const ends = new Set<number>()
    for (const { index, segment } of new Intl.Segmenter(undefined, { granularity: 'sentence' }).segment(
      text,
    )) {
      ends.add(index + segment.length)
    }
    const passed = await collect(
      guard.moderate(PROMPT, pieces([...text]), { holdBack: 'sentence', policy: NEVER_COUNTS }),
    )
    let released = 0
    for (const { text: part } of only(passed, 'text')) {
      released += part.length
      expect(ends).toContain(released)
    }
    expect(textOf(passed)).toBe(text)
    expect(only(passed, 'text').length).toBeGreaterThan(1)

    const stopped = await collect(
      guard.moderate(PROMPT, pieces([...text]), {
        holdBack: 'sentence',
        policy: { ...REPLY_ONLY, mode: 'strict' },
      }),
    )
    const [block] = only(stopped, 'block')
    const fired = expectedBlock(await judged(text), { mode: 'strict' })
    const before = [...ends].filter((end) => end <= (fired?.start as number))
    expect(block?.start).toBe(Math.max(0, ...before))
    expect(textOf(stopped)).toBe(text.slice(0, block?.start))
  })

  it('flags what the policy flags, once for each severity and category, and lets it through', async () => {
    const text = 'word after word after word after word after word'
    const tokens = await judged(text)
    const policy: Policy = {
      ...REPLY_ONLY,
      consecutive: 1,
      categories: Object.fromEntries(
        tokens.flatMap(({ category }) => (category ? [[category, 'flag']] : [])),
      ),
    }
    const events = await collect(guard.moderate(PROMPT, pieces([text]), { policy }))
    expect(textOf(events)).toBe(text)
    const kinds = only(events, 'flag').map(({ verdict }) => `${verdict?.risk} ${verdict?.category}`)
    const expected = tokens
      .filter(({ risk }) => risk !== 'Safe')
      .map(({ risk, category }) => `${risk} ${category}`)
    expect(kinds).toEqual([...new Set(expected)])
  })

  it('stops at a prompt that the policy blocks, releases nothing and stops the source', async () => {
    let stopped = false
    async function* source() {
      try {
        while (true) yield 'text '
      } finally {
        stopped = true
      }
    }
    const { safety } = await guard.classifyPrompt(PROMPT)
    expect(safety).not.toBe('Safe')
    const events = await collect(guard.moderate(PROMPT, source(), { policy: { mode: 'strict' } }))
    expect(events.map((event) => event.type)).toEqual(['prompt', 'block', 'end'])
    expect(events[0]).toMatchObject({ action: 'block' })
    expect(events[1]).toMatchObject({ reason: 'prompt', start: 0, verdict: { safety } })
    expect(events[2]).toMatchObject({ verdict: { tokenCount: 0, complete: false } })
    await expect.poll(() => stopped).toBe(true)
  })

  it('blocks when the reply outgrows the context: what was judged is out, the rest is not', async () => {
    const list = Array.from({ length: 2000 }, (_, i) => `word${i} `)
    const events = await collect(guard.moderate(PROMPT, pieces(list), { policy: NEVER_BLOCK }))
    const [block] = only(events, 'block')
    expect(block).toMatchObject({ reason: 'failure', verdict: null, error: { code: 'ERR_TOO_LONG' } })
    expect(block?.start).toBe(textOf(events).length)
    expect(list.join('').startsWith(textOf(events))).toBe(true)
    const [end] = only(events, 'end')
    expect(end?.verdict.complete).toBe(false)
    expect(end?.verdict.safety).not.toBe('Safe')
  })

  it('blocks with overload when the guard has no room, and with failure when it is closed', async () => {
    const { maxSequences } = guard.stats()
    const open = await Promise.all(Array.from({ length: maxSequences }, () => guard.open(PROMPT)))
    const overloaded = await collect(guard.moderate(PROMPT, pieces(['text'])))
    for (const moderation of open) await moderation.close()
    expect(overloaded.map((event) => event.type)).toEqual(['block', 'end'])
    expect(overloaded[0]).toMatchObject({ reason: 'overload', start: 0, error: { code: 'ERR_BUSY' } })
    expect(overloaded[1]).toMatchObject({ verdict: { safety: 'Unsafe', complete: false } })

    const other = await StreamGuard.load({ model: await fixtureModel('stream-f32-tied') })
    const events: ModerationEvent[] = []
    for await (const event of other.moderate(PROMPT, pieces(['a ', 'b ', 'c ', 'd'], 20), {
      policy: NEVER_BLOCK,
    })) {
      events.push(event)
      if (event.type === 'prompt') await other.close()
    }
    expect(events.map((event) => event.type)).toEqual(['prompt', 'block', 'end'])
    expect(events[1]).toMatchObject({ reason: 'failure', error: { code: 'ERR_CLOSED' } })
  })

  it("releases what it could not judge only with onFailure: 'allow', after a flag that says so", async () => {
    const list = Array.from({ length: 2000 }, (_, i) => `word${i} `)
    const policy: Policy = { ...NEVER_BLOCK, onFailure: 'allow' }
    const events = await collect(guard.moderate(PROMPT, pieces(list), { policy }))
    expect(textOf(events)).toBe(list.join(''))
    const failed = only(events, 'flag').filter((event) => event.error)
    expect(failed).toMatchObject([{ verdict: null, error: { code: 'ERR_TOO_LONG' } }])
    expect(only(events, 'block')).toEqual([])
    expect(only(events, 'end')[0]?.verdict.complete).toBe(false)
  })

  it('goes on beyond the context with the latest part in view, and says so', async () => {
    const list = Array.from({ length: 400 }, (_, i) => `word${i} `)
    const options: ModerateOptions = { policy: NEVER_BLOCK, tooLong: 'slide', tokens: true }
    const events = await collect(guard.moderate(PROMPT, pieces(list), options))
    expect(textOf(events)).toBe(list.join(''))
    expect(only(events, 'block')).toEqual([])
    const slides = only(events, 'slide').map((event) => event.start)
    expect(slides.length).toBeGreaterThan(3)
    let start = 0
    for (const event of events) {
      if (event.type === 'slide') {
        expect(event.start).toBeGreaterThan(start)
        start = event.start
      }
      if (event.type === 'token') expect(event.verdict.contextStart ?? 0).toBe(start)
    }
    expect(only(events, 'end')[0]?.verdict).toMatchObject({ complete: true })
    const again = await collect(guard.moderate(PROMPT, pieces([list.join('')]), options))
    expect(only(again, 'slide').map((event) => event.start)).toEqual(slides)

    const [block] = only(await collect(guard.moderate('long '.repeat(600), pieces(['x']), options)), 'block')
    expect(block).toMatchObject({ reason: 'failure', error: { code: 'ERR_TOO_LONG' } })
  })

  it('does with a policy what applyPolicy says of the same verdicts', async () => {
    const policies: Policy[] = [
      {},
      { mode: 'strict' },
      { prompt: 'allow', consecutive: 1 },
      { ...REPLY_ONLY, mode: 'strict', consecutive: 3 },
      { ...REPLY_ONLY, mixedPairs: true, mode: 'strict' },
      { ...REPLY_ONLY, threshold: 0.4 },
      { ...REPLY_ONLY, consecutive: 1, categories: { PII: 'allow', Violent: 'flag' } },
    ]
    let blocked = 0
    for (const text of manyTexts(12, 5)) {
      await using moderation = await guard.open(PROMPT)
      const tokens = [...(await moderation.push(text)), ...(await moderation.end()).rest]
      for (const policy of policies) {
        const outcome = applyPolicy(moderation.prompt, tokens, policy)
        const events = await collect(guard.moderate(PROMPT, pieces([text]), { policy }))
        const [prompt] = only(events, 'prompt')
        const [block] = only(events, 'block')
        expect(outcome.prompt).toBe(prompt?.action)
        expect(outcome.block?.reason).toBe(block?.reason)
        // Beforehand it may block at a token of text of which nothing is out yet.
        if (block?.provisional) expect(block.start).toBeLessThanOrEqual(outcome.block?.start as number)
        else expect(outcome.block?.start).toBe(block?.start)
        expect(outcome.flags.map(({ index }) => index)).toEqual(
          only(events, 'flag').map(({ verdict }) => verdict?.index),
        )
        const acted = outcome.flags.length > 0 ? 'flag' : outcome.prompt
        expect(outcome.action).toBe(block ? 'block' : acted)
        blocked += block ? 1 : 0
      }
    }
    expect(blocked).toBeGreaterThan(20)
  })

  it('refuses arguments at once', () => {
    const reply = pieces([])
    expect(() => guard.moderate([], reply)).toThrow(TypeError)
    expect(() => guard.moderate(PROMPT, 'text' as unknown as AsyncIterable<string>)).toThrow(/open\(\)/)
    expect(() => guard.moderate(PROMPT, reply, { policy: { threshold: 2 } })).toThrow(RangeError)
    expect(() => guard.moderate(PROMPT, reply, { holdBack: -1 })).toThrow(RangeError)
    expect(() => guard.moderate(PROMPT, reply, { tooLong: 'window' as 'slide' })).toThrow(TypeError)
    expect(() => guard.moderate(PROMPT, reply, { holdBack: 'word' as 'token' })).toThrow(TypeError)
  })

  it('gives errors of a kind that says what to do', async () => {
    const [event] = only(await collect(guard.moderate('long '.repeat(2000), pieces(['x']))), 'block')
    const error = event?.error as GuardError
    expect(error.message).toMatch(/tokens.*contextSize/)
  })
})
