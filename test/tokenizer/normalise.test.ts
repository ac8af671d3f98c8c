import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  LONGEST_RUN,
  mayJoin,
  nfc,
  normalisedBlocks,
  normalisedPieces,
  wholeCharacters,
} from '../../lib/tokenizer/normalise.js'
import { preTokenBatches, preTokens } from '../../lib/tokenizer/pre-tokens.js'
import { manyTexts } from '../support/texts.js'

/** Marks of several combining classes, letters they join, Hangul's parts and a character above U+FFFF. */
const character = fc.constantFrom(
  ...'\u0345\u0301\u0323\u0327\u0308\u1161\u11A8\u0F74𝅥',
  ...'aeq한\u1100각𐐀 .',
)

const text = fc
  .array(fc.tuple(character, fc.constantFrom(1, 1, 2, 40, 120)), { maxLength: 200 })
  .map((runs) => runs.map(([one, count]) => one.repeat(count)).join(''))
  // No run is longer than what is normalised together.
  .map((value) => value.replace(/[\p{M}\u1160-\u11FF]{200,}/gu, (run) => [...run].slice(0, 200).join('')))

/** Texts that Node normalises otherwise, and what Qwen's tokenizer makes of them. */
const GOLDEN: [text: string, expected: string][] = JSON.parse(
  readFileSync(new URL('../fixtures/golden/normaliser.json', import.meta.url), 'utf8'),
)

describe('marks newer than Unicode 9', () => {
  it("are normalised as Qwen's tokenizer does, whatever Unicode this Node has", () => {
    const marks = new Set(
      GOLDEN.flatMap(([text]) => [...text]).filter((one) => (one.codePointAt(0) ?? 0) > 0x600),
    )
    expect(marks.size).toBeGreaterThan(150)
    for (const [text, expected] of GOLDEN) {
      expect(nfc(text), JSON.stringify(text)).toBe(expected)
      expect([...normalisedPieces(text)].map((piece) => piece.text).join(''), JSON.stringify(text)).toBe(
        expected,
      )
    }
  })

  it('are cut, as other text is, only where that changes nothing', () => {
    for (const [text, expected] of GOLDEN) {
      for (let cut = 1; cut < text.length; cut++) {
        if (wholeCharacters(text, cut) !== cut || mayJoin(text, cut)) continue
        expect(nfc(text.slice(0, cut)) + nfc(text.slice(cut)), JSON.stringify(text)).toBe(expected)
      }
    }
  })
})

describe('nfc', () => {
  it('is what String.prototype.normalize gives, wherever the blocks end', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(nfc(value)).toBe(value.normalize('NFC'))
        expect([...normalisedBlocks(value)].join('')).toBe(value.normalize('NFC'))
        const pieces = [...normalisedPieces(value)]
        expect(pieces.map((piece) => piece.raw).join('')).toBe(value)
        expect(pieces.map((piece) => piece.text).join('')).toBe(value.normalize('NFC'))
      }),
      { seed: 5, numRuns: 400 },
    )
  })

  it('puts marks in order within each part of a longer run, the same in blocks and pieces', () => {
    const marks = '\u0345\u0301\u0323\u0327'
    for (const length of [LONGEST_RUN, LONGEST_RUN + 1, 3 * LONGEST_RUN, 5000]) {
      for (const before of ['', 'a', `${'x'.repeat(4000)}e`]) {
        const run = marks.repeat(length).slice(0, length)
        let expected = ''
        for (let at = 0; at < length; at += LONGEST_RUN) {
          expected += `${at === 0 ? before : ''}${run.slice(at, at + LONGEST_RUN)}`.normalize('NFC')
        }
        const value = `${before}${run}`
        expect(nfc(`${value}b`)).toBe(`${expected}b`)
        expect([...normalisedPieces(value)].map((piece) => piece.text).join('')).toBe(expected)
      }
    }
  })
})

describe('preTokens', () => {
  it('are those of the pattern, in whatever windows they are looked for', () => {
    const runs = [
      'a',
      'ab ',
      "'re",
      '  ',
      ' \n ',
      '\r\n',
      '!',
      '=-',
      '7',
      ' x',
      '漢',
      '\u0301',
      '😀',
      '𐐀',
      "'",
    ]
    const long = fc
      .array(fc.tuple(fc.constantFrom(...runs), fc.constantFrom(1, 1, 3, 70)), { maxLength: 30 })
      .map((parts) => parts.map(([one, count]) => one.repeat(count)).join(''))
    fc.assert(
      fc.property(long, fc.constantFrom(8, 9, 32), (value, window) => {
        expect([...preTokenBatches(value, window)].flat()).toEqual(preTokens(value))
      }),
      { seed: 3, numRuns: 1500 },
    )
    for (const value of manyTexts(300, 5)) {
      expect([...preTokenBatches(value, 8)].flat()).toEqual(preTokens(value))
    }
  })

  it('of a run that is longer than the matcher can take at once are found', () => {
    for (const one of ['漢', '\u0301']) {
      const value = one.repeat(5_000_000)
      const words = [...preTokenBatches(`${value} x`)].flat()
      expect(words.map((word) => word.length)).toEqual([value.length, 2])
    }
  })
})
