import { GenFormatError } from '../errors.js'
import { type Category, isCategory, isSafety, type Safety } from '../labels.js'

/** What Gen's answer says. */
export interface GenAnswer {
  /** The severity. */
  safety: Safety
  /** As listed, each once. Empty for `None`, even where the safety is Unsafe. */
  categories: Category[]
  /** Whether the judged reply refuses; null if the answer has no `Refusal:` line, as for prompts. */
  refusal: boolean | null
}

/**
 * Reads Gen's answer:
 * ```text
 * Safety: (Safe|Unsafe|Controversial)
 * Categories: (None|A(, B)*)
 * Refusal: (Yes|No)            in response mode
 * ```
 * Lines must come in this order and be complete, labels are matched whole and case-sensitively. White
 * space around the text, at the ends of lines, after a colon and around commas may vary; a blank line,
 * a missing space after a colon and any further text may not.
 * @throws GenFormatError with the text, whenever it says less or more than that. Nothing is guessed, and
 * nothing is Safe but what says `Safety: Safe`.
 */
export function parseGen(text: string): GenAnswer {
  if (typeof text !== 'string') throw new TypeError(`Expected Gen's answer as a string, got ${typeof text}`)
  const refuse = (what: string): never => {
    throw new GenFormatError(
      `Gen's answer is not in its format: ${what}, in ${JSON.stringify(text)}. Treat the input as not judged`,
      text,
    )
  }
  const lines = text.trim().split(/\r?\n/)
  const field = (at: number, name: string): string => {
    const match = /^(\w+):[ \t](.*)$/.exec(lines[at] ?? '')
    if (match?.[1] !== name) return refuse(`expected line ${at + 1} to be '${name}: …'`)
    return (match[2] ?? '').trim()
  }

  const safety = field(0, 'Safety')
  if (!isSafety(safety)) return refuse(`'${safety}' is not a safety label`)

  const listed = field(1, 'Categories')
  const categories = new Set<Category>()
  for (const name of listed === 'None' ? [] : listed.split(',').map((item) => item.trim())) {
    if (!isCategory(name)) return refuse(`'${name}' is not a category`)
    categories.add(name)
  }

  let refusal: boolean | null = null
  if (lines.length > 2) {
    const answer = field(2, 'Refusal')
    if (answer !== 'Yes' && answer !== 'No') return refuse(`'${answer}' is neither Yes nor No`)
    refusal = answer === 'Yes'
  }
  if (lines.length > 3) return refuse(`expected at most 3 lines, got ${lines.length}`)
  return { safety, categories: [...categories], refusal }
}
