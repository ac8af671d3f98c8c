import type { Tokenizer } from '../tokenizer/tokenizer.js'

/** What there is to know of some ids of an answer, whoever wrote them. */
export interface AnswerText {
  /** Text of all of them. */
  readonly text: string
  /** Texts of the first 0, 1, 2, … of them. */
  readonly beginnings: readonly string[]
}

/** Answers are few: other than this the model rarely writes. Then all is forgotten, and learnt again. */
const MOST_KNOWN = 512

/** Texts of answers' ids, and ids of drafts, each looked up in the addon once. */
export class AnswerTexts {
  readonly #tokenizer: Tokenizer
  readonly #texts = new Map<string, AnswerText>()
  readonly #drafts = new Map<string, readonly number[]>()

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer
  }

  /** The text of some ids and of each of their beginnings. */
  of(ids: readonly number[]): AnswerText {
    return remembered(this.#texts, ids.join(), () => this.#read(ids))
  }

  /** Ids of `rest`, which follows `ids` in an answer. */
  rest(ids: readonly number[], rest: string): readonly number[] {
    return remembered(this.#drafts, `${ids.join()} ${rest}`, () => {
      const whole = this.#tokenizer.encodeShort(this.of(ids).text + rest)
      return ids.every((id, i) => whole[i] === id)
        ? whole.slice(ids.length)
        : this.#tokenizer.encodeShort(rest)
    })
  }

  #read(ids: readonly number[]): AnswerText {
    const text = this.#tokenizer.decode(Int32Array.from(ids))
    const bytes = Buffer.from(text)
    const ends = [0]
    for (const id of ids) ends.push((ends.at(-1) as number) + (this.#tokenizer.lengths[id] ?? 0))
    // Bytes that are no text have become U+FFFD, of another length: where the tokens end in it is not known then.
    const known = ends.at(-1) === bytes.length
    const beginnings = ends.map((end, count) =>
      known ? bytes.toString('utf8', 0, end) : this.#tokenizer.decode(Int32Array.from(ids.slice(0, count))),
    )
    return { text, beginnings }
  }
}

function remembered<T>(known: Map<string, T>, key: string, find: () => T): T {
  const there = known.get(key)
  if (there !== undefined) return there
  const found = find()
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(key, found)
  return found
}
