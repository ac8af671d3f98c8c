import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAY_COMPOSE } from '../lib/engine/pre-tokens.js'
import { type ReasoningEnd, ReplyText, type ReplyToken } from '../lib/stream/reply-text.js'
import { contentIds, wordEncoder } from './support/qwen3-tokenizer.js'
import { manyTexts, randomPieces, seeded } from './support/texts.js'

const THINK_END: ReasoningEnd = { text: '</think>', id: 151668 }

function tokensOf(pieces: string[], reasoningEnd: ReasoningEnd | null = null): ReplyToken[] {
  const reply = new ReplyText(wordEncoder, reasoningEnd)
  const tokens = pieces.flatMap((piece) => reply.push(piece))
  tokens.push(...reply.end())
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
  it('gives the ids of the whole text and tiles it, however it is cut', () => {
    const random = seeded(7)
    for (const text of manyTexts(1200, 3)) {
      const whole = tokensOf([text])
      expect(
        whole.map((token) => token.id),
        JSON.stringify(text),
      ).toEqual(contentIds(text))
      expectTiling(whole, text)
      expect(tokensOf([...text]), JSON.stringify(text)).toEqual(whole)
      for (let i = 0; i < 3; i++)
        expect(tokensOf(randomPieces(text, random)), JSON.stringify(text)).toEqual(whole)
    }
  })

  it('cuts any UTF-16, lone surrogates and halves of pairs included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.infiniteStream(fc.nat(6)), (text, lengths) => {
        const mangled = text.replace(/[\u{10000}-\u{10FFFF}]/gu, (pair) =>
          pair.charCodeAt(1) % 3 ? pair : pair.slice(0, 1),
        )
        const pieces: string[] = []
        for (let at = 0; at < mangled.length; ) {
          const length = lengths.next().value ?? 1
          pieces.push(mangled.slice(at, at + length))
          at += length
        }
        const whole = tokensOf([mangled])
        expectTiling(whole, mangled)
        expect(tokensOf(pieces)).toEqual(whole)
      }),
      { seed: 11, numRuns: 400 },
    )
  })

  it('gives a lone surrogate the id and the length of U+FFFD', () => {
    const tokens = tokensOf(['a\uD83D', 'b\uDE00'])
    expect(tokens.map((token) => token.id)).toEqual(contentIds('a\uFFFDb\uFFFD'))
    expectTiling(tokens, 'a\uD83Db\uDE00')
  })

  it('joins a surrogate pair that arrives in two pieces', () => {
    expect(tokensOf(['x\uD83D', '\uDE00'])).toEqual(tokensOf(['x😀']))
  })

  it('gives a character that several tokens share to the first and leaves the others empty at its end', () => {
    const tokens = tokensOf(['𓀀'])
    expect(tokens.length).toBeGreaterThan(1)
    expect(tokens.map(({ start, end }) => [start, end])).toEqual(
      tokens.map((_, i) => (i === 0 ? [0, 2] : [2, 2])),
    )
    expect(tokens.map((token) => token.text).join('')).toBe('𓀀')
  })

  it('counts offsets in the reply as pushed where NFC shortens it', () => {
    const tokens = tokensOf(['cafe', '\u0301 ok'])
    expect(tokens.map((token) => token.id)).toEqual(contentIds('café ok'))
    expectTiling(tokens, 'cafe\u0301 ok')
    expect(tokens.at(-1)).toMatchObject({ text: ' ok', start: 5, end: 8 })
  })

  it('gives out words as soon as the next one has begun', () => {
    const reply = new ReplyText(wordEncoder)
    expect(reply.push('Here are')).toMatchObject([{ text: 'Here' }])
    expect(reply.push(' so')).toMatchObject([{ text: ' are' }])
    expect(reply.push('me ')).toMatchObject([{ text: ' some' }])
    expect(reply.push(' x')).toMatchObject([{ text: ' ' }])
    expect(reply.end()).toMatchObject([{ text: ' x', end: 16 }])
  })

  it('does not wait for a space where marks part words already, as in Hindi and Thai', () => {
    for (const text of ['नमस्तेदुनियाक़ानूनज़रूरीहै', 'ภาษาไทยไม่มีช่องว่างระหว่างคำน้ำ']) {
      const reply = new ReplyText(wordEncoder)
      for (const character of text) {
        reply.push(character)
        expect(reply.heldLength).toBeLessThan(16)
      }
    }
  })

  it('gives what is held back beforehand, as if it ended there, but for half a character', () => {
    const run = '你好世界今天天气怎么样我们去公园散步'
    const reply = new ReplyText(wordEncoder)
    expect(reply.push(run.slice(0, 16))).toEqual([])
    expect(reply.provisional()).toEqual([])
    reply.push(`${run.slice(16)}\uD840`)
    expect(reply.provisional()?.map((token) => token.id)).toEqual(contentIds(run))
    expect(reply.push('\uDC0B')).toEqual([])
    // Little has come since.
    expect(reply.provisional()).toBe(null)
    expect(reply.end().map((token) => token.id)).toEqual(contentIds(`${run}𠀋`))
  })

  it('keeps up with a run that goes on for ever, and gives the same tokens', () => {
    const text = `${'长'.repeat(1500)}${'a'.repeat(8000)} end. ${' '.repeat(3000)}x${'='.repeat(4000)}\n`
    expect(tokensOf([...text])).toEqual(tokensOf([text]))
  })

  it('ends the reasoning at the first </think>, wherever it is cut', () => {
    const text = 'Let me think  \n\n</think>\n\nThe answer </think> is ordinary.'
    const [before, after] = [text.slice(0, 16), text.slice(24)]
    const whole = tokensOf([text], THINK_END)
    expect(whole.map((token) => token.id)).toEqual([...contentIds(before), 151668, ...contentIds(after)])
    expectTiling(whole, text)
    expect(whole.findIndex((token) => token.part === 'answer')).toBe(contentIds(before).length + 1)
    for (let at = 0; at <= text.length; at++) {
      expect(tokensOf([text.slice(0, at), text.slice(at)], THINK_END)).toEqual(whole)
    }
    expect(tokensOf([...text], THINK_END)).toEqual(whole)
  })

  it('takes </think> for ordinary text in a reply without reasoning, and a broken one for text in one with', () => {
    expect(tokensOf(['a </think> b']).map((token) => token.id)).toEqual(contentIds('a </think> b'))
    expect(tokensOf(['a </thi', 'nk b'], THINK_END).map((token) => token.id)).toEqual(
      contentIds('a </think b'),
    )
  })

  it('rests on facts of Unicode: only what MAY_COMPOSE names joins what precedes it, and joining keeps the class', () => {
    const kind = (character: string): string =>
      ['\\p{L}', '\\p{N}', '\\p{White_Space}'].find((name) => new RegExp(name, 'u').test(character)) ??
      'other'
    for (let code = 0; code <= 0x10ffff; code++) {
      if (code >= 0xd800 && code <= 0xdfff) continue
      const composed = String.fromCodePoint(code)
      const [first, ...rest] = composed.normalize('NFD')
      for (const character of rest) {
        if (!MAY_COMPOSE.test(character)) expect.fail(`U+${code.toString(16)} has ${character} inside`)
      }
      if (!MAY_COMPOSE.test(composed) && MAY_COMPOSE.test(first as string)) {
        expect.fail(`U+${code.toString(16)} begins with a character that may compose`)
      }
      if (composed.normalize('NFC') === composed && kind(composed) !== kind(first as string)) {
        expect.fail(`U+${code.toString(16)} is ${kind(composed)}, but begins with ${kind(first as string)}`)
      }
    }
  })
})
