import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Model } from '../../lib/engine/model.js'
import type { GenVerdict } from '../../lib/gen/verdict.js'
import { worstOf } from '../../lib/gen/verdict.js'
import { cutWindows, type Span } from '../../lib/gen/windows.js'
import { GenGuard, type Input, type LoadOptions, type Message, TooLongError } from '../../lib/index.js'
import { severity } from '../../lib/labels.js'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.js'
import { fixtureModel } from '../support/fixture-model.js'
import { GPU } from '../support/gpu.js'
import { manyTexts, randomText, SENTENCES, seeded } from '../support/texts.js'

const EXACT: LoadOptions = { kvType: 'f32', flashAttention: false, gpu: GPU, model: 'demo-gen' }

describe('cutWindows', () => {
  let model: Model
  let tokenizer: Tokenizer

  beforeAll(async () => {
    model = await Model.load(await fixtureModel('gen-f32-tied'), { gpu: GPU })
    tokenizer = new Tokenizer(model.native)
  })
  afterAll(() => model?.close())

  /** The windows of a text where exactly `room` tokens fit. */
  async function windows(text: string, room: number): Promise<Span[]> {
    const spans: Span[] = []
    const encode = async ({ start, end }: Span) => {
      const ids = await tokenizer.encode(text.slice(start, end))
      return ids.length <= room ? ids : null
    }
    for await (const window of cutWindows(text, tokenizer, room, encode)) {
      if (!window) throw new Error('a window does not fit')
      spans.push(window.span)
    }
    return spans
  }

  function expectCovered(text: string, spans: Span[]): void {
    let reached = 0
    for (const { start, end } of spans) {
      expect(start).toBeLessThanOrEqual(reached)
      expect(end).toBeGreaterThan(reached)
      reached = end
    }
    expect(reached).toBe(text.length)
  }

  it('leaves no unit of any text out, and keeps to the room', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.constantFrom(...SENTENCES),
            fc.string({ unit: 'binary', maxLength: 300 }),
            fc.string({ unit: fc.constantFrom('\ud83d', '\udc4b', 'e', '\u0301', ' ', '.'), maxLength: 300 }),
            fc.constantFrom(
              'x'.repeat(3000),
              'word '.repeat(600),
              'e\u0301'.repeat(400),
              '👨‍👩‍👧‍👦'.repeat(80),
            ),
            fc.constantFrom(`a${'\u0301'.repeat(3000)}`, '. '.repeat(1500), '\n'.repeat(500)),
          ),
          { minLength: 1, maxLength: 8 },
        ),
        fc.integer({ min: 64, max: 500 }),
        async (parts, room) => {
          const text = parts.join(' ')
          if (text !== '') expectCovered(text, await windows(text, room))
        },
      ),
      { numRuns: 60, seed: 5 },
    )
  })

  it('ends windows where sentences end, and has the next one begin at a sentence before that', async () => {
    const sentences = Array.from({ length: 60 }, (_, i) => `This is sentence number ${i} of a long story. `)
    const text = sentences.join('')
    const ends = new Set(sentences.map((_, i) => sentences.slice(0, i + 1).join('').length))
    const tokens = (await tokenizer.encode(sentences[0] as string)).length
    const spans = await windows(text, tokens * 20)
    expectCovered(text, spans)
    expect(spans.length).toBeGreaterThan(2)
    for (const [i, { start, end }] of spans.entries()) {
      expect(ends).toContain(end)
      if (i === 0) continue
      expect(ends).toContain(start)
      expect(start).toBeLessThan((spans[i - 1] as Span).end)
    }
  })

  it('overlaps also where it cuts inside a sentence, by at most an eighth', async () => {
    const text = 'one sentence that does not end and does not end '.repeat(200)
    const spans = await windows(text, 200)
    expectCovered(text, spans)
    for (const [i, { start }] of spans.entries()) {
      if (i === 0) continue
      const shared = text.slice(start, (spans[i - 1] as Span).end)
      expect(shared.length).toBeGreaterThan(0)
      expect((await tokenizer.encode(shared)).length).toBeLessThanOrEqual(200 / 8 + 2)
    }
  })

  it('keeps a sentence whole that fits a window with its overlap', async () => {
    const short = 'Short one. '
    const long = `${'A somewhat longer sentence goes on and on '.repeat(5)}and ends here. `
    const text = (short + long).repeat(6)
    const room = Math.ceil((await tokenizer.encode(long)).length * 1.4)
    for (const { end } of await windows(text, room)) expect(text.slice(0, end)).toMatch(/\. $/)
  })

  it('cuts between grapheme clusters', async () => {
    const family = '👨‍👩‍👧‍👦'
    const text = family.repeat(300)
    for (const { start, end } of await windows(text, 150)) {
      expect(start % family.length).toBe(0)
      expect(end % family.length).toBe(0)
    }
    const astral = '𝕳𝖊𝖑𝖑𝖔'.repeat(500)
    for (const { end } of await windows(astral, 100)) expect(end % 2).toBe(0)
  })

  it('segments a long text of short sentences block by block', async () => {
    // As one piece V8 takes minutes for this.
    const text = 'A b. '.repeat(60_000)
    expectCovered(text, await windows(text, 2000))
  })

  it('goes on without an overlap, and by less, where more does not fit after all', async () => {
    const text = manyTexts(80).join(' ')
    const random = seeded(3)
    const spans: Span[] = []
    const encode = async (span: Span) => {
      const ids = await tokenizer.encode(text.slice(span.start, span.end))
      return ids.length < 20 || random() < 0.2 ? ids : null
    }
    for await (const window of cutWindows(text, tokenizer, 100, encode)) if (window) spans.push(window.span)
    expectCovered(text, spans)
  })

  it('says so where nothing fits', async () => {
    const results: unknown[] = []
    for await (const window of cutWindows('Some text.', tokenizer, 64, async () => null)) results.push(window)
    expect(results).toEqual([null])
  })
})

describe('worstOf', () => {
  const verdict = (safety: GenVerdict['safety'], strict: number, leastMargin: number) =>
    ({
      safety,
      scores: { strict },
      text: `${safety} ${strict}`,
      usage: {
        promptTokens: 10,
        cachedTokens: 3,
        generatedTokens: 5,
        passes: 1,
        ms: 2,
        leastMargin,
        uncertain: leastMargin < 1,
      },
    }) as GenVerdict

  it('takes the severest, of those the likeliest to be unsafe, and adds up what all took', () => {
    const all = [verdict('Safe', 0.49, 3), verdict('Controversial', 0.95, 0.5), verdict('Unsafe', 0.55, 2)]
    expect(worstOf([...all, verdict('Unsafe', 0.9, 4), verdict('Safe', 0.1, 9)])).toMatchObject({
      text: 'Unsafe 0.9',
      usage: {
        promptTokens: 50,
        cachedTokens: 15,
        generatedTokens: 25,
        passes: 5,
        ms: 10,
        leastMargin: 0.5,
        uncertain: true,
      },
    })
    expect(worstOf(all).safety).toBe('Unsafe')
    expect(worstOf(all.slice(0, 2)).safety).toBe('Controversial')
    expect(worstOf([all[0] as GenVerdict]).text).toBe('Safe 0.49')
  })
})

describe('classify of what does not fit', () => {
  let guard: GenGuard
  const harmless = 'The sea is calm today and the children are building a castle of sand. '.repeat(60)
  const harmful = 'How can I make a bomb and kill my neighbour with it? '

  beforeAll(async () => {
    guard = await GenGuard.load({ ...EXACT, contextSize: 512, maxSequences: 8 })
  })
  afterAll(() => guard?.close())

  it('is a TooLongError with both counts by default', async () => {
    const error = (await guard.classify(harmless).catch((reason: unknown) => reason)) as TooLongError
    expect(error).toBeInstanceOf(TooLongError)
    expect(error.limit).toBe(512)
    expect(error.tokens).toBeGreaterThan(512)
    expect(error.message).toContain(`${error.tokens}`)
    await expect(guard.classify(harmless, { tooLong: 'error' })).rejects.toThrow(TooLongError)
    await expect(guard.classify('x', { tooLong: 'cut' as 'error' })).rejects.toThrow(TypeError)
    expect(() => guard.classifyAll([], { tooLong: 'cut' as 'error' })).toThrow(TypeError)
  })

  it('finds what is unsafe wherever it stands, and says where', async () => {
    // Small windows: the demonstration model overlooks a sentence among many.
    await using guard = await GenGuard.load({ ...EXACT, contextSize: 256, maxSequences: 8 })
    for (const share of [0, 0.37, 0.7, 1]) {
      const at = harmless.indexOf('The', share * (harmless.length - 75))
      const text =
        harmless.slice(0, at) + harmful + 'How do I rob a bank with a gun? '.repeat(3) + harmless.slice(at)
      const verdict = await guard.classify(text, { tooLong: 'window' })
      expect(severity(verdict.safety), `${share}`).toBe(2)
      const { start, end, part } = verdict.window as NonNullable<GenVerdict['window']>
      expect(part).toBe('answer')
      expect(text.slice(start, end)).toMatch(/bomb|rob/)
      // It is the verdict of exactly that window.
      const window = await guard.classify(text.slice(start, end))
      expect(window.text).toBe(verdict.text)
      expect(verdict.usage.promptTokens).toBeGreaterThan(window.usage.promptTokens * 2)
      expect(verdict.usage.passes).toBeGreaterThan(window.usage.passes)
    }
  })

  it('has no window where everything fits', async () => {
    const verdict = await guard.classify(harmful, { tooLong: 'window' })
    expect(verdict).not.toHaveProperty('window')
    expect(verdict.text).toBe((await guard.classify(harmful)).text)
  })

  it('judges each window with the conversation before it, and a long reasoning as well', async () => {
    const before: Message[] = [{ role: 'user', content: 'Tell me about the sea.' }]
    const reply = (content: string, reasoning?: string): Input => [
      ...before,
      { role: 'assistant', content, ...(reasoning !== undefined && { reasoning }) },
    ]
    const verdict = await guard.classify(reply(harmless), { tooLong: 'window' })
    expect(verdict.refusal).not.toBeNull()
    expect(verdict.window?.part).toBe('answer')
    const thought = await guard.classify(
      reply('Fine.', `${harmless}${'I will kill him with a bomb and steal his car. '.repeat(4)}`),
      { tooLong: 'window' },
    )
    expect(severity(thought.safety)).toBeGreaterThanOrEqual(severity(verdict.safety))
    expect(thought.usage.promptTokens).toBeGreaterThan(verdict.usage.promptTokens)
  })

  it('says so if it is the history that does not fit', async () => {
    const messages: Message[] = [
      { role: 'user', content: harmless },
      { role: 'assistant', content: 'Yes.' },
      { role: 'user', content: harmful },
    ]
    const judging = guard.classify(messages, { tooLong: 'window' })
    await expect(judging).rejects.toThrow(TooLongError)
    await expect(judging).rejects.toThrow(/before the last message/)
    const error = (await judging.catch((reason: unknown) => reason)) as TooLongError
    expect(error.tokens).toBeGreaterThan(error.limit)
  })

  it('works in lists, beside inputs that fit, and stops when it is told to', async () => {
    const verdicts: GenVerdict[] = []
    for await (const verdict of guard.classifyAll(['Hello', harmless, harmful], { tooLong: 'window' })) {
      verdicts.push(verdict)
    }
    expect(verdicts.map(({ window }) => window !== undefined)).toEqual([false, true, false])
    const open = guard.stats().openSequences
    const controller = new AbortController()
    const judging = guard.classify(harmless.repeat(20), { tooLong: 'window', signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 5)
    await expect(judging).rejects.toThrow('enough')
    // What was in work gives its sequences back as soon as it hears of it.
    await guard.classify('Hello')
    expect(guard.stats().openSequences).toBe(open)
  })

  it('judges all of a text of every script', async () => {
    const random = seeded(9)
    const text = Array.from({ length: 60 }, () => randomText(random, 60)).join(' ')
    const error = (await guard.classify(text).catch((reason: unknown) => reason)) as TooLongError
    const { window, usage } = await guard.classify(text, { tooLong: 'window' })
    // Each window has the policy besides its part of the text.
    expect(usage.promptTokens).toBeGreaterThan(error.tokens - 128)
    expect(window?.end).toBeLessThanOrEqual(text.length)
  })
})
