import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GenFormatError } from '../../lib/errors.js'
import { parseGen } from '../../lib/gen/parse.js'
import { CATEGORIES, SAFETIES } from '../../lib/labels.js'

const answer = fc.record({
  safety: fc.constantFrom(...SAFETIES),
  categories: fc.uniqueArray(fc.constantFrom(...CATEGORIES), { maxLength: 4 }),
  refusal: fc.constantFrom(true, false, null),
})
const blank = fc.constantFrom('', ' ', '\t', '  ')
const space = fc.constantFrom(' ', '  ', '\t')
const newline = fc.constantFrom('\n', '\r\n')

function written({
  safety,
  categories,
  refusal,
}: {
  safety: string
  categories: string[]
  refusal: boolean | null
}) {
  const lines = [`Safety: ${safety}`, `Categories: ${categories.join(', ') || 'None'}`]
  if (refusal !== null) lines.push(`Refusal: ${refusal ? 'Yes' : 'No'}`)
  return lines.join('\n')
}

describe('parseGen', () => {
  it('reads what the grammar writes', () => {
    fc.assert(
      fc.property(answer, (value) => {
        expect(parseGen(written(value))).toEqual(value)
      }),
    )
  })

  it('reads it with white space around, at ends of lines, after colons and around commas', () => {
    fc.assert(
      fc.property(answer, blank, space, newline, blank, (value, end, after, line, comma) => {
        const text = written(value)
          .replaceAll(': ', `:${after}`)
          .replaceAll(', ', `${comma},${comma}`)
          .replaceAll('\n', end + line)
        expect(parseGen(line + end + text + end + line)).toEqual(value)
      }),
    )
  })

  it("takes 'Unsafe' with 'None' as no category, and a category that is listed twice once", () => {
    expect(parseGen('Safety: Unsafe\nCategories: None')).toEqual({
      safety: 'Unsafe',
      categories: [],
      refusal: null,
    })
    expect(parseGen('Safety: Unsafe\nCategories: PII, Violent, PII').categories).toEqual(['PII', 'Violent'])
  })

  it("does not find 'Violent' inside 'Non-violent Illegal Acts'", () => {
    expect(parseGen('Safety: Unsafe\nCategories: Non-violent Illegal Acts').categories).toEqual([
      'Non-violent Illegal Acts',
    ])
  })

  it('reads no label that is cut short', () => {
    fc.assert(
      fc.property(answer, fc.nat(), (value, cut) => {
        const text = written(value)
        const length = cut % text.length
        try {
          parseGen(text.slice(0, length))
        } catch (error) {
          expect(error).toBeInstanceOf(GenFormatError)
          return
        }
        expect(text.slice(length)).toMatch(/^(, |\n?Refusal: )/)
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['nothing', ''],
    ['a chat', 'Sure, I can help you with that!'],
    ['no safety line', 'Categories: None'],
    ['no categories line', 'Safety: Safe'],
    ['an empty category', 'Safety: Unsafe\nCategories: Violent, '],
    ['no category', 'Safety: Unsafe\nCategories: '],
    ['an unknown label', 'Safety: Harmless\nCategories: None'],
    ['an unknown category', 'Safety: Unsafe\nCategories: Spam'],
    ['part of a category', 'Safety: Unsafe\nCategories: Viol'],
    ['None among categories', 'Safety: Unsafe\nCategories: Violent, None'],
    ['another case', 'safety: safe\ncategories: none'],
    ['another case of a category', 'Safety: Unsafe\nCategories: violent'],
    ['another refusal', 'Safety: Safe\nCategories: None\nRefusal: Maybe'],
    ['a refusal cut short', 'Safety: Safe\nCategories: None\nRefusal: '],
    ['lines in another order', 'Categories: None\nSafety: Safe'],
    ['a label that goes on', 'Safety: Safe and sound\nCategories: None'],
    ['text before', 'I think.\nSafety: Safe\nCategories: None'],
    ['text after', 'Safety: Safe\nCategories: None\nRefusal: No\nBecause it is.'],
    ['a second verdict', 'Safety: Safe\nCategories: None\nSafety: Unsafe'],
    ['a blank line between', 'Safety: Safe\n\nCategories: None'],
    ['no space after the colon', 'Safety:Safe\nCategories:None'],
    ['one line', 'Safety: Safe Categories: None'],
  ])('refuses %s and keeps the text', (_, text) => {
    try {
      parseGen(text)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(GenFormatError)
      expect(error).toMatchObject({ code: 'ERR_GEN_FORMAT', text })
    }
  })

  it('never says Safe of a text that does not', () => {
    const words = fc.constantFrom(
      'Safety:',
      'Safe',
      'Unsafe',
      'Categories:',
      'None',
      'PII',
      ' ',
      '\n',
      ',',
      'Refusal:',
      'No',
      'x',
    )
    fc.assert(
      fc.property(fc.array(words, { maxLength: 12 }), (parts) => {
        const text = parts.join('')
        try {
          if (parseGen(text).safety === 'Safe') expect(text).toMatch(/^\s*Safety: +Safe\s/)
        } catch (error) {
          expect(error).toBeInstanceOf(GenFormatError)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('takes long hostile text in its stride', () => {
    const spaces = ' '.repeat(200_000)
    expect(() => parseGen(`Safety:${spaces}Safe${spaces}x\nCategories: None`)).toThrow(GenFormatError)
    expect(() => parseGen(`Safety: Unsafe\nCategories: ${`PII${spaces},`.repeat(3)}x`)).toThrow(
      GenFormatError,
    )
  })

  it('refuses what is not text', () => {
    expect(() => parseGen(null as unknown as string)).toThrow(TypeError)
  })
})
