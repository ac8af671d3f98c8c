import { describe, expect, it } from 'vitest'
import { draftRest } from '../../lib/gen/draft.js'
import { parseGen } from '../../lib/gen/parse.js'
import { CATEGORIES } from '../../lib/labels.js'

const PROMPT = { response: false, category: null }
const RESPONSE = { response: true, category: null }

describe('draftRest', () => {
  it('begins with the commonest answer', () => {
    expect(draftRest('', PROMPT)).toBe('Safety: Safe\nCategories: None')
    expect(draftRest('', RESPONSE)).toBe('Safety: Safe\nCategories: None\nRefusal: No')
  })

  it('goes on with the category the model leans to once the text is not Safe', () => {
    expect(draftRest('Safety: Unsafe', { response: true, category: 'PII' })).toBe(
      '\nCategories: PII\nRefusal: No',
    )
    expect(draftRest('Safety: Controversial', { response: false, category: 'Unethical Acts' })).toBe(
      '\nCategories: Unethical Acts',
    )
  })

  it('completes each category from its beginning', () => {
    for (const category of CATEGORIES) {
      const text = `Safety: Unsafe\nCategories: ${category.slice(0, 3)}`
      expect(draftRest(text, PROMPT)).toBe(category.slice(3))
    }
    expect(draftRest('Safety: Unsafe\nCategories: Violent, Jail', RESPONSE)).toBe('break\nRefusal: No')
  })

  it('keeps to the refusal that has begun, and ends a finished answer', () => {
    expect(draftRest('Safety: Safe\nCategories: None\nRefusal: Y', RESPONSE)).toBe('es')
    expect(draftRest('Safety: Safe\nCategories: None\nRefusal: Yes', RESPONSE)).toBe('')
  })

  it('gives up on text that no answer begins with', () => {
    expect(draftRest('Sure', PROMPT)).toBeNull()
    expect(draftRest('Safety: Unsafe\nCategories: Violent,', PROMPT)).toBeNull()
  })

  it('makes an answer of every text it goes on from', () => {
    for (const category of CATEGORIES) {
      const whole = `Safety: Controversial\nCategories: ${category}\nRefusal: Yes`
      for (let length = 0; length <= whole.length; length++) {
        const text = whole.slice(0, length)
        const rest = draftRest(text, RESPONSE)
        expect(rest, text).not.toBeNull()
        expect(parseGen(text + rest).refusal).not.toBeNull()
      }
    }
  })
})
