import { CATEGORIES, type Category } from '../labels.js'

/** What a guess at the rest of an answer goes by. */
export interface DraftHints {
  /** Whether the answer ends with a `Refusal:` line. */
  response: boolean
  /** The category the model leans to, where it has been seen to lean to one. */
  category: Category | null
}

/**
 * The likely rest of an answer that begins with `text`, or null where no answer of Gen's grammar begins so.
 * A wrong guess costs time and nothing else: every token is checked against the model's own.
 */
export function draftRest(text: string, hints: DraftHints): string | null {
  const answer = likelyAnswers(hints).find((candidate) => candidate.startsWith(text))
  if (answer !== undefined) return answer.slice(text.length)
  return draftSecondCategory(text, hints.response)
}

const KNOWN = new Map<string, readonly string[]>()

/** Whole answers, the likeliest first: the same for every text. */
function likelyAnswers({ response, category }: DraftHints): readonly string[] {
  const likely = category ?? 'Violent'
  const key = `${response} ${likely}`
  const known = KNOWN.get(key)
  if (known) return known
  const answers: string[] = []
  for (const safety of ['Safe', 'Unsafe', 'Controversial']) {
    // The usual list for this severity first, then every other.
    const lists = safety === 'Safe' ? ['None', ...CATEGORIES] : [likely, ...CATEGORIES, 'None']
    for (const list of lists) {
      // What refuses is mostly safe, and what is unsafe mostly complies; a refusal shows in the next try.
      for (const refusal of response ? ['No', 'Yes'] : [null]) {
        answers.push(
          `Safety: ${safety}\nCategories: ${list}${refusal === null ? '' : `\nRefusal: ${refusal}`}`,
        )
      }
    }
  }
  KNOWN.set(key, answers)
  return answers
}

/** The rest after a comma in the list: the name begun there, or none. */
function draftSecondCategory(text: string, response: boolean): string | null {
  const begun = /^Safety: \w+\nCategories: .*, ?([^,\n]*)$/.exec(text)?.[1]
  if (begun === undefined || begun === '') return null
  const name = CATEGORIES.find((candidate) => candidate.startsWith(begun))
  return name === undefined ? null : `${name.slice(begun.length)}${response ? '\nRefusal: No' : ''}`
}
