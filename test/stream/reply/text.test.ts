import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ReasoningEnd, ReplyText, type ReplyToken } from '../../../lib/stream/reply/text.js'
import { mayJoin } from '../../../lib/tokenizer/normalise.js'
import { contentIds, wordEncoder } from '../../support/qwen3-tokenizer.js'
import { manyTexts, randomPieces, seeded } from '../../support/texts.js'

const THINK_END: ReasoningEnd = { text: '</think>', id: 151668 }

async function tokensOf(pieces: string[], reasoningEnd: ReasoningEnd | null = null): Promise<ReplyToken[]> {
  const reply = new ReplyText(wordEncoder, reasoningEnd)
  const tokens: ReplyToken[] = []
  for (const piece of pieces) tokens.push(...(await reply.push(piece)))
  tokens.push(...(await reply.end()))
  expect(reply.heldLength).toBe(0)
  return tokens
}

function expectTiling(tokens: ReplyToken[], text: string): void {
  let at = 0
  for (const token of tokens) {
    expect(token.start).toBe(at)
    expect(token.end).toBeGreaterThanOrEqual(token.start)
    expect(token.text).toBe(text.slice(token.start, token.end).replace(/\p{Surrogate}/gu, '\uFFFD'))
    at = token.end
  }
  expect(at).toBe(text.length)
}

describe('ReplyText', () => {
  it('gives the ids of the whole text and tiles it, however it is cut', async () => {
    const random = seeded(7)
    for (const text of manyTexts(1200, 3)) {
      const whole = await tokensOf([text])
      expect(
        whole.map((token) => token.id),
        JSON.stringify(text),
      ).toEqual(contentIds(text))
      expectTiling(whole, text)
      expect(await tokensOf([...text]), JSON.stringify(text)).toEqual(whole)
      for (let i = 0; i < 3; i++)
        expect(await tokensOf(randomPieces(text, random)), JSON.stringify(text)).toEqual(whole)
    }
  })

  it('cuts any UTF-16, lone surrogates and halves of pairs included', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.infiniteStream(fc.nat(6)), async (text, lengths) => {
        const mangled = text.replace(/[\u{10000}-\u{10FFFF}]/gu, (pair) =>
          pair.charCodeAt(1) % 3 ? pair : pair.slice(0, 1),
        )
        const pieces: string[] = []
        for (let at = 0; at < mangled.length; ) {
          const length = lengths.next().value ?? 1
          pieces.push(mangled.slice(at, at + length))
          at += length
        }
        const whole = await tokensOf([mangled])
        expectTiling(whole, mangled)
        expect(await tokensOf(pieces)).toEqual(whole)
      }),
      { seed: 11, numRuns: 400 },
    )
  })

  it('gives a lone surrogate the id and the length of U+FFFD', async () => {
    const tokens = await tokensOf(['a\uD83D', 'b\uDE00'])
    expect(tokens.map((token) => token.id)).toEqual(contentIds('a\uFFFDb\uFFFD'))
    expectTiling(tokens, 'a\uD83Db\uDE00')
  })

  it('joins a surrogate pair that arrives in two pieces', async () => {
    expect(await tokensOf(['x\uD83D', '\uDE00'])).toEqual(await tokensOf(['x😀']))
  })

  it('gives a character that several tokens share to the first and leaves the others empty at its end', async () => {
    const tokens = await tokensOf(['𓀀'])
    expect(tokens.length).toBeGreaterThan(1)
    expect(tokens.map(({ start, end }) => [start, end])).toEqual(
      tokens.map((_, i) => (i === 0 ? [0, 2] : [2, 2])),
    )
    expect(tokens.map((token) => token.text).join('')).toBe('𓀀')
  })

  it('counts offsets in the reply as pushed where NFC shortens it', async () => {
    const tokens = await tokensOf(['cafe', '\u0301 ok'])
    expect(tokens.map((token) => token.id)).toEqual(contentIds('café ok'))
    expectTiling(tokens, 'cafe\u0301 ok')
    expect(tokens.at(-1)).toMatchObject({ text: ' ok', start: 5, end: 8 })
  })

  it('gives out words as soon as the next one has begun', async () => {
    const reply = new ReplyText(wordEncoder)
    expect(await reply.push('Here are')).toMatchObject([{ text: 'Here' }])
    expect(await reply.push(' so')).toMatchObject([{ text: ' are' }])
    expect(await reply.push('me ')).toMatchObject([{ text: ' some' }])
    expect(await reply.push(' x')).toMatchObject([{ text: ' ' }])
    expect(await reply.end()).toMatchObject([{ text: ' x', end: 16 }])
  })

  it('does not wait for a space where marks part words already, as in Hindi and Thai', async () => {
    for (const text of ['नमस्तेदुनियाक़ानूनज़रूरीहै', 'ภาษาไทยไม่มีช่องว่างระหว่างคำน้ำ']) {
      const reply = new ReplyText(wordEncoder)
      for (const character of text) {
        await reply.push(character)
        expect(reply.heldLength).toBeLessThan(16)
      }
    }
  })

  it('gives what is held back beforehand, as if it ended there, but for half a character', async () => {
    const run = '你好世界今天天气怎么样我们去公园散步'
    const reply = new ReplyText(wordEncoder)
    expect(await reply.push(run.slice(0, 16))).toEqual([])
    expect(await reply.provisional()).toEqual([])
    await reply.push(`${run.slice(16)}\uD840`)
    expect((await reply.provisional())?.map((token) => token.id)).toEqual(contentIds(run))
    expect(await reply.push('\uDC0B')).toEqual([])
    // Little has come since.
    expect(await reply.provisional()).toBe(null)
    expect((await reply.end()).map((token) => token.id)).toEqual(contentIds(`${run}𠀋`))
  })

  it('keeps up with a run that goes on for ever, and gives the same tokens', async () => {
    const text = `${'长'.repeat(1500)}${'a'.repeat(8000)} end. ${' '.repeat(3000)}x${'='.repeat(4000)}\n`
    expect(await tokensOf([...text])).toEqual(await tokensOf([text]))
  })

  it('ends the reasoning at the first </think>, wherever it is cut', async () => {
    const text = 'Let me think  \n\n</think>\n\nThe answer </think> is ordinary.'
    const [before, after] = [text.slice(0, 16), text.slice(24)]
    const whole = await tokensOf([text], THINK_END)
    expect(whole.map((token) => token.id)).toEqual([...contentIds(before), 151668, ...contentIds(after)])
    expectTiling(whole, text)
    expect(whole.findIndex((token) => token.part === 'answer')).toBe(contentIds(before).length + 1)
    for (let at = 0; at <= text.length; at++) {
      expect(await tokensOf([text.slice(0, at), text.slice(at)], THINK_END)).toEqual(whole)
    }
    expect(await tokensOf([...text], THINK_END)).toEqual(whole)
  })

  it('takes </think> for ordinary text in a reply without reasoning, and a broken one for text in one with', async () => {
    expect((await tokensOf(['a </think> b'])).map((token) => token.id)).toEqual(contentIds('a </think> b'))
    expect((await tokensOf(['a </thi', 'nk b'], THINK_END)).map((token) => token.id)).toEqual(
      contentIds('a </think b'),
    )
  })

  it('rests on facts of Unicode: only what mayJoin names joins what precedes it, and joining keeps the class', async () => {
    const kind = (character: string): string =>
      ['\\p{L}', '\\p{N}', '\\p{White_Space}'].find((name) => new RegExp(name, 'u').test(character)) ??
      'other'
    for (let code = 0; code <= 0x10ffff; code++) {
      if (code >= 0xd800 && code <= 0xdfff) continue
      const composed = String.fromCodePoint(code)
      const [first, ...rest] = composed.normalize('NFD')
      for (const character of rest) {
        if (!mayJoin(character, 0)) expect.fail(`U+${code.toString(16)} has ${character} inside`)
      }
      if (!mayJoin(composed, 0) && mayJoin(first as string, 0)) {
        expect.fail(`U+${code.toString(16)} begins with a character that may compose`)
      }
      if (composed.normalize('NFC') === composed && kind(composed) !== kind(first as string)) {
        expect.fail(`U+${code.toString(16)} is ${kind(composed)}, but begins with ${kind(first as string)}`)
      }
    }
  })
})
