import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from '../../lib/engine/engine.js'
import { Model } from '../../lib/engine/model.js'
import {
  GuardClosedError,
  type Input,
  ModelKindError,
  StreamGuard,
  TemplateError,
  type TokenVerdict,
  TooLongError,
} from '../../lib/index.js'
import { StreamTemplate } from '../../lib/stream/template.js'
import { promptVerdict, responseHeads } from '../../lib/stream/verdict.js'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.js'
import { fixtureModel } from '../support/fixture-model.js'
import { exactEngine } from '../support/fixtures.js'
import { digits, GPU, near, texts } from '../support/gpu.js'
import { manyTexts, randomPieces, SENTENCES, seeded } from '../support/texts.js'

const PROMPT = 'How do I pick a lock?'
const REPLY = 'Here are some practical methods to build a bird house.\n\nFirst, take wood 👍🏽; then — sägen!'

/** Verdicts without their numbers, and the numbers. */
function split(tokens: readonly TokenVerdict[]) {
  return {
    labels: tokens.map(({ probabilities, categories, ...labels }) => labels),
    numbers: tokens.flatMap(({ probabilities, categories }) => [
      ...Object.values(probabilities),
      ...Object.values(categories),
    ]),
  }
}

function expectSame(actual: readonly TokenVerdict[], expected: readonly TokenVerdict[]): void {
  const [a, b] = [split(actual), split(expected)]
  expect(a.labels).toEqual(b.labels)
  a.numbers.forEach((number, i) => {
    expect(Math.abs(number - (b.numbers[i] as number))).toBeLessThan(near(1e-4))
  })
}

describe('StreamGuard', () => {
  let path: string
  let guard: StreamGuard

  beforeAll(async () => {
    path = await fixtureModel('stream-f32-tied')
    guard = await StreamGuard.load({ model: path, kvType: 'f32', flashAttention: false, contextSize: 512 })
  })
  afterAll(() => guard?.close())

  async function judged(pieces: readonly string[], input: Input = PROMPT): Promise<TokenVerdict[]> {
    await using moderation = await guard.open(input)
    const tokens: TokenVerdict[] = []
    for (const piece of pieces) tokens.push(...(await moderation.push(piece)))
    return [...tokens, ...(await moderation.end()).rest]
  }

  it('reads the query heads where the last user turn ends, and the response heads at each token of the reply', async () => {
    const model = await Model.load(path, { gpu: GPU })
    const engine = await Engine.create(model, exactEngine({ unified: false }))
    const tokenizer = new Tokenizer(model.native)
    const template = await StreamTemplate.create(model.description.chatTemplate, tokenizer)
    const labels = model.description.heads
    if (!labels) throw new Error('the fixture has no heads')
    const { prompt, scaffold } = await template.encode([{ role: 'user', content: PROMPT }], false)
    const ids = await tokenizer.encode(REPLY)
    const all = Int32Array.from([...prompt, ...scaffold, ...ids])
    const sequence = await engine.acquire({ cells: all.length })
    const { heads } = await sequence.decodeHeads(all, { read: all.map((_, i) => i) })
    sequence.release()
    const width = model.native.headOutputs
    const row = (i: number) => heads.subarray(i * width, (i + 1) * width)

    const verdict = await guard.classifyPrompt(PROMPT)
    const expected = promptVerdict(row(prompt.length - 1), labels)
    expect(verdict.safety).toBe(expected.safety)
    expect(verdict.category).toBe(expected.category)
    expect(Object.keys(verdict.categories)).toContain('Jailbreak')
    for (const [label, share] of Object.entries(verdict.probabilities)) {
      expect(share).toBeCloseTo(
        expected.probabilities[label as keyof typeof expected.probabilities],
        digits(4),
      )
    }
    const tokens = await judged([REPLY])
    expect(tokens.map((token) => token.id)).toEqual([...ids])
    const first = prompt.length + scaffold.length
    expectSame(
      tokens,
      tokens.map((token, i) => ({ ...token, ...responseHeads(row(first + i), labels) })),
    )
    expect(tokens.every((token) => !('Jailbreak' in token.categories))).toBe(true)
    expect(tokens.every((token) => (token.category === null) === (token.risk === 'Safe'))).toBe(true)
    await engine.close()
    model.close()
  })

  it('sees the prompt and the latest part of a reply that outgrows the context, and reasoning only where it is', async () => {
    const model = await Model.load(path, { gpu: GPU })
    const engine = await Engine.create(model, exactEngine({ unified: false }))
    const tokenizer = new Tokenizer(model.native)
    const template = await StreamTemplate.create(model.description.chatTemplate, tokenizer)
    const labels = model.description.heads
    if (!labels) throw new Error('the fixture has no heads')
    const small = await StreamGuard.load({
      ...{ model: path, kvType: 'f32', flashAttention: false, contextSize: 96 },
    })
    const width = model.native.headOutputs
    for (const reasoning of [false, true]) {
      const text = `Let me see, and think. ${reasoning ? '</think>' : ''}${REPLY} `.repeat(3)
      await using moderation = await small.open(PROMPT, { reasoning, tooLong: 'slide' })
      const tokens: TokenVerdict[] = []
      for (const character of text) tokens.push(...(await moderation.push(character)))
      tokens.push(...(await moderation.end()).rest)
      expect(tokens.map((token) => token.text).join('')).toBe(text)

      const messages = [{ role: 'user', content: PROMPT }] as const
      const { prompt, scaffold, answerScaffold } = await template.encode(messages, reasoning)
      expect([...answerScaffold]).toEqual([...(await template.encode(messages, false)).scaffold])
      const room = 96 - prompt.length - Math.max(scaffold.length, answerScaffold.length)
      const starts = [...new Set(tokens.map((token) => token.contextStart ?? 0))]
      expect(starts.length).toBeGreaterThan(3)
      const answerFrom = reasoning ? text.indexOf('</think>') + 8 : 0
      for (const start of starts) {
        const here = tokens.filter((token) => (token.contextStart ?? 0) === start)
        // Half of what has room is kept.
        const from = start === 0 ? 0 : (here[0] as TokenVerdict).index - Math.floor(room / 2)
        expect(tokens[from]?.start).toBe(start)
        const seen = tokens.slice(from, (here.at(-1) as TokenVerdict).index + 1)
        const opening = start >= answerFrom ? answerScaffold : scaffold
        const all = Int32Array.from([...prompt, ...opening, ...seen.map((token) => token.id)])
        const sequence = await engine.acquire({ cells: all.length })
        const { heads } = await sequence.decodeHeads(all, { read: all.map((_, i) => i) })
        sequence.release()
        const first = all.length - here.length
        expectSame(
          here,
          here.map((token, i) => ({
            ...token,
            ...responseHeads(heads.subarray((first + i) * width, (first + i + 1) * width), labels),
          })),
        )
      }
    }
    await expect(small.open('word '.repeat(100), { tooLong: 'slide' })).rejects.toThrow(TooLongError)
    await expect(small.open(PROMPT, { tooLong: 'window' as 'slide' })).rejects.toThrow(TypeError)
    await small.close()
    await engine.close()
    model.close()
  })

  it('gives the same verdicts however the reply is cut', async () => {
    const random = seeded(21)
    const whole = await judged([REPLY])
    expectSame(await judged([...REPLY]), whole)
    for (const text of manyTexts(texts(30), 8)) {
      const once = await judged([text])
      expect(once.map((token) => token.text).join('')).toBe(text)
      expect(once.map((token) => token.index)).toEqual(once.map((_, i) => i))
      expectSame(await judged(randomPieces(text, random)), once)
    }
  })

  it('carries out pushes that overlap in the order of the calls', async () => {
    await using moderation = await guard.open(PROMPT)
    const pushes = [...REPLY].map((character) => moderation.push(character))
    const end = moderation.end()
    expectSame([...(await Promise.all(pushes)).flat(), ...(await end).rest], await judged([REPLY]))
  })

  it('judges several replies at once as it judges each alone', async () => {
    const replies = SENTENCES.slice(0, texts(12))
    expect(replies.length).toBeGreaterThan(1)
    const alone: TokenVerdict[][] = []
    for (const text of replies) alone.push(await judged([text]))
    const together = await Promise.all(replies.map((text) => judged([...text])))
    together.forEach((tokens, i) => {
      expectSame(tokens, alone[i] as TokenVerdict[])
    })
  })

  it('takes ids of its own vocabulary for the text they stand for', async () => {
    const whole = await judged([REPLY])
    await using moderation = await guard.open(PROMPT)
    const tokens: TokenVerdict[] = []
    for (const { id } of whole) tokens.push(...(await moderation.pushTokens([id])))
    tokens.push(...(await moderation.end()).rest)
    expectSame(tokens, whole)
    await using fresh = await guard.open(PROMPT)
    for (const wrong of [[-1], [1e9], [1.5], [514]]) {
      await expect(fresh.pushTokens(wrong)).rejects.toThrow(RangeError)
    }
    expectSame(await fresh.pushTokens(whole.slice(0, 3).map((token) => token.id)), whole.slice(0, 3))
    await expect(fresh.push('text')).rejects.toThrow(TypeError)
  })

  it('tells reasoning from answer and judges both', async () => {
    await using moderation = await guard.open(PROMPT, { reasoning: true })
    const text = 'Let me see.\n</think>\n\nTake a pick.'
    const tokens: TokenVerdict[] = []
    for (const character of text) tokens.push(...(await moderation.push(character)))
    tokens.push(...(await moderation.end()).rest)
    expect(tokens.map((token) => token.text).join('')).toBe(text)
    const close = tokens.findIndex((token) => token.text === '</think>')
    expect(tokens.map((token) => token.part)).toEqual(
      tokens.map((_, i) => (i <= close ? 'reasoning' : 'answer')),
    )
    await using byIds = await guard.open(PROMPT, { reasoning: true })
    const again = await byIds.pushTokens(tokens.map((token) => token.id))
    expectSame([...again, ...(await byIds.end()).rest], tokens)
  })

  it('ends with the debounced verdict, of the token that decided', async () => {
    for (const text of SENTENCES.slice(0, 10)) {
      await using moderation = await guard.open(PROMPT)
      const pushed = await moderation.push(text)
      const { rest, ...verdict } = await moderation.end()
      const tokens = [...pushed, ...rest]
      const pair = (risk: string) =>
        tokens.findIndex((token, i) => i > 0 && token.risk === risk && tokens[i - 1]?.risk === risk)
      const at = pair('Unsafe') >= 0 ? pair('Unsafe') : pair('Controversial')
      expect(verdict).toEqual({
        safety: at < 0 ? 'Safe' : tokens[at]?.risk,
        category: at < 0 ? null : tokens[at]?.category,
        at: at < 0 ? null : at,
        tokenCount: tokens.length,
        complete: true,
      })
    }
  })

  it('goes back to a token and on from there', async () => {
    await using moderation = await guard.open(PROMPT)
    const first = await moderation.push('One two three. ')
    await moderation.push('Something else altogether')
    moderation.rewind(first.length)
    const tail = await moderation.push(' four five')
    const rest = (await moderation.end()).rest
    expect([...first, ...tail, ...rest].map((token) => token.text).join('')).toBe('One two three. four five')
    expectSame([...first, ...tail, ...rest], await judged(['One two three. four five']))
    moderation.rewind(0)
    expect((await moderation.end()).tokenCount).toBe(0)
    expect(() => moderation.rewind(1)).toThrow(RangeError)
    const push = moderation.rewind(0)
    expect(push).toBeUndefined()
  })

  it('refuses a reply that outgrows the context before it returns any of it, and judges nothing after', async () => {
    await using moderation = await guard.open(PROMPT)
    await moderation.push('A beginning. ')
    const before = moderation.reply.tokenCount
    await expect(moderation.push('word '.repeat(600))).rejects.toThrow(TooLongError)
    expect(moderation.reply).toMatchObject({ tokenCount: before, complete: false })
    expect(moderation.reply.safety).not.toBe('Safe')
    await expect(moderation.push('more ')).rejects.toThrow(/failed earlier/)
    await expect(moderation.end()).rejects.toThrow(/failed earlier/)
    await expect(guard.classifyPrompt('word '.repeat(600))).rejects.toMatchObject({
      code: 'ERR_TOO_LONG',
      limit: 512,
    })
  })

  it('does not keep a run of letters that no context could hold', async () => {
    await using moderation = await guard.open(PROMPT)
    const pushing = (async () => {
      for (let i = 0; i < 400; i++) await moderation.push('a'.repeat(100))
    })()
    await expect(pushing).rejects.toThrow(TooLongError)
  })

  it('rejects with the reason of an abort and gives the sequence back', async () => {
    const controller = new AbortController()
    const moderation = await guard.open(PROMPT, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(moderation.push('Some text to judge ')).rejects.toThrow('enough')
    await expect(moderation.end()).rejects.toThrow('enough')
    await expect(guard.open(PROMPT, { signal: controller.signal })).rejects.toThrow('enough')
    await moderation.close()
    expect(guard.stats().openSequences).toBe(0)
  })

  it('refuses calls on a closed or ended moderation', async () => {
    const moderation = await guard.open(PROMPT)
    await moderation.end()
    await expect(moderation.push('x')).rejects.toThrow(TypeError)
    await moderation.close()
    await moderation.close()
    await expect(moderation.push('x')).rejects.toThrow(GuardClosedError)
    expect(() => moderation.rewind(0)).toThrow(GuardClosedError)
  })

  it.each([
    [[], /at least one message/],
    [[{ role: 'assistant', content: 'Hi' }], /'user', got 'assistant'/],
    [[{ role: 'tool', content: 'Hi' }], /role of message 0/],
    [[{ role: 'user', content: 5 }], /content of message 0/],
    [[{ role: 'user', content: 'a', reasoning: 'b' }], /reasoning/],
    [[null], /message 0/],
    [undefined, /string or an array/],
  ])('refuses the input %j', async (input, message) => {
    await expect(guard.classifyPrompt(input as unknown as Input)).rejects.toThrow(message)
    await expect(guard.classifyPrompt(input as unknown as Input)).rejects.toThrow(TypeError)
  })

  it('refuses a template that is not Qwen3’s, and a model that is not Stream’s', async () => {
    const chatTemplate = '{% for m in messages %}[INST]{{ m.content }}[/INST]{% endfor %}'
    await expect(StreamGuard.load({ model: path, chatTemplate })).rejects.toThrow(TemplateError)
    await expect(StreamGuard.load({ model: path, chatTemplate: '{% if %}' })).rejects.toThrow(TemplateError)
    await expect(StreamGuard.load({ model: await fixtureModel('gen-f32-tied') })).rejects.toThrow(
      ModelKindError,
    )
  })

  it('fails what is open when it is closed, and everything after', async () => {
    const other = await StreamGuard.load({ model: path })
    const moderation = await other.open(PROMPT)
    await other.close()
    await other.close()
    await expect(moderation.push('Some text ')).rejects.toThrow(GuardClosedError)
    await moderation.close()
    await expect(other.classifyPrompt('x')).rejects.toThrow(GuardClosedError)
  })
})
