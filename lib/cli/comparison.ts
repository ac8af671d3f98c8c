import type { RowError } from '../batch/row-error.js'
import { InputError } from '../data/input-error.js'
import { SAFETIES, type Safety } from '../labels.js'
import type { CheckResult } from './judge.js'

/** What a result has verdicts on: Gen on the whole, Stream on the prompt, the reply and each of its tokens. */
export type Part = 'verdict' | 'prompt' | 'reply' | 'token'

/** Verdicts on one part of a row, reduced to what is compared; a few bytes each, for rows of many tokens. */
interface Verdicts {
  /** Indices in SAFETIES. */
  readonly risks: Uint8Array
  /** Three a verdict; null for a reply, which Stream debounces from its tokens. */
  readonly probabilities: Float64Array | null
  /** Null for tokens. */
  readonly category: string | null
  /** Null where the model does not judge refusal. */
  readonly refusal: boolean | null
}

/** One row's result, reduced. */
export type Reduced = Partial<Record<Part, Verdicts>>

/** In how many of the verdicts the two models agree. */
export interface Agreement {
  same: number
  of: number
}

export interface PartComparison {
  safety: Agreement
  /** Categories as a set; not of tokens. */
  category: Agreement | null
  /** Gen, of replies. */
  refusal: Agreement | null
  /**
   * How far the probabilities of the three severities lie apart: in each verdict the largest of the three
   * differences, of which `largest` is the largest, in the row at `line`, and `mean` the mean.
   */
  shift: { largest: number; line: number; mean: number } | null
}

/** A part of a row on which the two disagree: its first token, where it has several. */
export interface Difference {
  line: number
  part: Part
  /** Index of the token. */
  token: number | null
  /** What each says, such as `Unsafe, Violent`. */
  verdicts: [string, string]
}

export interface ComparisonReport {
  kind: 'gen' | 'stream'
  /** What the user called the two. */
  models: [string, string]
  /** Blank lines do not count. */
  rows: number
  /** Rows that both judged. */
  compared: number
  /** Rows that one of them, or both, could not judge. */
  failed: number
  /** The first ten. `model`: index in `models`; null where neither could, or the two do not fit. */
  errors: (RowError & { model: number | null })[]
  parts: Partial<Record<Part, PartComparison>>
  /** Rows on which they disagree in anything but probabilities; the first ten differences of those. */
  differing: number
  differences: Difference[]
}

const MOST_SHOWN = 10

/** Reduces what `check --json` prints. */
export function reduce(result: CheckResult): Reduced {
  if (result.kind === 'gen') {
    const { safety, categories, refusal, scores } = result
    const category = [...categories].sort().join(' + ')
    return { verdict: verdicts([safety], [scores.safety], category, refusal) }
  }
  const { prompt, reply, tokens } = result
  const reduced: Reduced = {
    prompt: verdicts([prompt.safety], [prompt.probabilities], prompt.category ?? ''),
  }
  if (reply === null) return reduced
  const risks = tokens.map(({ risk }) => risk)
  reduced.reply = verdicts([reply.safety], null, reply.category ?? '')
  reduced.token = verdicts(
    risks,
    tokens.map(({ probabilities }) => probabilities),
    null,
  )
  return reduced
}

function verdicts(
  safeties: readonly Safety[],
  probabilities: readonly Record<Safety, number>[] | null,
  category: string | null,
  refusal: boolean | null = null,
): Verdicts {
  return {
    risks: Uint8Array.from(safeties, (safety) => SAFETIES.indexOf(safety)),
    probabilities:
      probabilities &&
      Float64Array.from(probabilities.flatMap((one) => SAFETIES.map((safety) => one[safety]))),
    category,
    refusal,
  }
}

/** Adds up rows judged by two models. */
export class Comparison {
  readonly #parts = new Map<Part, PartSums>()
  readonly #differences: Difference[] = []
  readonly #errors: ComparisonReport['errors'] = []
  #compared = 0
  #failed = 0
  #differing = 0

  /** A row that could not be judged. */
  fail(error: RowError, model: number | null): void {
    this.#failed += 1
    if (this.#errors.length < MOST_SHOWN) this.#errors.push({ ...error, model })
  }

  /** @throws InputError if the two do not judge the same tokens; nothing is added then */
  add(line: number, a: Reduced, b: Reduced): void {
    const [tokens, others] = [a.token?.risks.length, b.token?.risks.length]
    if (tokens !== others) {
      throw new InputError(
        `the reply has ${tokens} tokens for one model and ${others} for the other: their tokenizers differ`,
      )
    }
    this.#compared += 1
    let differs = false
    for (const part of Object.keys(a) as Part[]) {
      const [first, second] = [a[part] as Verdicts, b[part] as Verdicts]
      const sums = this.#parts.get(part) ?? new PartSums()
      this.#parts.set(part, sums)
      const at = sums.add(line, first, second)
      if (at === null) continue
      differs = true
      if (this.#differences.length >= MOST_SHOWN) continue
      const token = part === 'token' ? at : null
      this.#differences.push({ line, part, token, verdicts: [describe(first, at), describe(second, at)] })
    }
    if (differs) this.#differing += 1
  }

  report(kind: 'gen' | 'stream', models: [string, string]): ComparisonReport {
    return {
      kind,
      models,
      rows: this.#compared + this.#failed,
      compared: this.#compared,
      failed: this.#failed,
      errors: this.#errors,
      parts: Object.fromEntries([...this.#parts].map(([part, sums]) => [part, sums.report()])),
      differing: this.#differing,
      differences: this.#differences,
    }
  }
}

class PartSums {
  readonly #safety = { same: 0, of: 0 }
  readonly #category = { same: 0, of: 0 }
  readonly #refusal = { same: 0, of: 0 }
  #shifts = 0
  #shiftSum = 0
  #largest = -1
  #largestLine = 0

  /** @returns index of the first verdict on which the two disagree, or null */
  add(line: number, a: Verdicts, b: Verdicts): number | null {
    let differsAt: number | null = null
    for (const [i, risk] of a.risks.entries()) {
      const same = count(this.#safety, risk === b.risks[i])
      if (!same) differsAt ??= i
      if (a.probabilities && b.probabilities) this.#shift(line, shiftAt(a.probabilities, b.probabilities, i))
    }
    if (a.category !== null && !count(this.#category, a.category === b.category)) differsAt ??= 0
    if (a.refusal !== null && !count(this.#refusal, a.refusal === b.refusal)) differsAt ??= 0
    return differsAt
  }

  report(): PartComparison {
    const shift = { largest: this.#largest, line: this.#largestLine, mean: this.#shiftSum / this.#shifts }
    return {
      safety: this.#safety,
      category: this.#category.of > 0 ? this.#category : null,
      refusal: this.#refusal.of > 0 ? this.#refusal : null,
      shift: this.#shifts > 0 ? shift : null,
    }
  }

  #shift(line: number, shift: number): void {
    this.#shifts += 1
    this.#shiftSum += shift
    if (shift <= this.#largest) return
    this.#largest = shift
    this.#largestLine = line
  }
}

function count(agreement: Agreement, same: boolean): boolean {
  agreement.of += 1
  if (same) agreement.same += 1
  return same
}

/** The largest difference of a severity's probability. */
function shiftAt(a: Float64Array, b: Float64Array, index: number): number {
  const at = index * SAFETIES.length
  return Math.max(...SAFETIES.map((_, i) => Math.abs((a[at + i] as number) - (b[at + i] as number))))
}

function describe({ risks, category, refusal }: Verdicts, at: number): string {
  const words = [
    SAFETIES[risks[at] as number],
    category,
    refusal === null ? '' : refusal ? 'refusal' : 'no refusal',
  ]
  return words.filter(Boolean).join(', ')
}
