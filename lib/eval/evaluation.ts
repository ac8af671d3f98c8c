import { createHash } from 'node:crypto'
import type { Safety } from '../labels.js'
import type { Policy } from '../policy.js'
import type { HoldBack } from '../stream/release.js'
import { type Curves, curvesOf, type Reliability, reliabilityOf, type Scored } from './curves.js'
import { type Exposure, ExposureSums, type FalseAlarms } from './exposure.js'
import { type Caution, type EvalItem, isLabelledUnsafe, type Target } from './item.js'
import { type Judged, judgedOf, type Verdict } from './judged.js'
import { type DetectionLatency, LatencySums } from './latency.js'
import { READINGS, type Reading } from './metrics.js'
import { type OfficialFigures, OfficialSums } from './official.js'
import { Section, type SectionFigures } from './section.js'
import { type ShownError, type WorstError, WorstErrors, withoutText } from './worst.js'

export interface EvaluationOptions {
  caution: Caution
  /** Of the bootstrap. */
  seed: number
  /** Rates of false alarms to find thresholds for. */
  wantedFpr: readonly number[]
  /** For what a reader would have seen of unsafe replies. */
  policy: Policy
  holdBack: HoldBack
  official: boolean
}

export const EVALUATION_DEFAULTS: EvaluationOptions = {
  caution: 'unsafe',
  seed: 1,
  wantedFpr: [0.01, 0.05, 0.1],
  policy: {},
  holdBack: 'token',
  official: false,
}

/** Where a labelled text stands. */
export interface Place {
  file: string
  line: number
}

/** A labelled text's outcome as `eval --compare` needs it; without the text. */
export interface ItemOutcome extends Place {
  target: Target
  /** The beginning of the SHA-256 of what was judged. */
  hash: string
  label: Safety | null
  /** Null where it was not judged. */
  safety: Safety | null
  refusalLabel: boolean | null
  refusal: boolean | null
}

export interface StreamFigures extends Record<Reading, DetectionLatency | null> {
  /** Located replies that are in no figure, by reason. */
  unusable: Record<string, number>
  exposure: Exposure | null
  falseAlarms: Record<Reading, FalseAlarms> | null
}

export interface EvaluationFigures extends SectionFigures {
  /** Texts without a verdict, by the error's code. */
  errors: Record<string, number>
  /** Stream: how late unsafe replies are caught. Null for Gen, and without replies. */
  latency: StreamFigures | null
  byCategory: Record<string, SectionFigures>
  byLanguage: Record<string, SectionFigures>
  bySource: Record<string, SectionFigures>
  curves: Record<Target, Record<Reading, Curves | null>>
  /** Of scores that are probabilities; null for replies that Stream judged. */
  reliability: Record<Target, Reliability | null>
  worst: WorstError[]
  official: OfficialFigures | null
  items: ItemOutcome[]
}

/** Adds up what a guard says of labelled texts. */
export class Evaluation {
  readonly #options: EvaluationOptions
  readonly #all = new Section()
  readonly #groups = {
    byCategory: new Map<string, Section>(),
    byLanguage: new Map<string, Section>(),
    bySource: new Map<string, Section>(),
  }
  readonly #scores: Record<Target, Record<Reading, Scored[]>> = {
    prompt: { strict: [], loose: [] },
    response: { strict: [], loose: [] },
  }
  readonly #worst = new WorstErrors()
  readonly #latency = new LatencySums()
  readonly #exposure: ExposureSums
  readonly #official = new OfficialSums()
  readonly #errors: Record<string, number> = {}
  readonly #items: ItemOutcome[] = []
  #judgesTokens = false
  #judgesRefusal = false

  constructor(options: Partial<EvaluationOptions> = {}) {
    this.#options = { ...EVALUATION_DEFAULTS, ...options }
    this.#exposure = new ExposureSums(this.#options.policy, this.#options.holdBack)
  }

  /** @param source the data set and, where it names them, its part */
  add(place: Place, source: string, item: EvalItem, outcome: Verdict | { error: { code: string } }): void {
    const { caution, official } = this.#options
    const judged = 'error' in outcome ? null : judgedOf(outcome, item.target)
    const unsafe = item.label === null ? null : isLabelledUnsafe(item.label, caution)
    if ('error' in outcome) this.#errors[outcome.error.code] = (this.#errors[outcome.error.code] ?? 0) + 1
    else if (outcome.kind === 'gen') this.#judgesRefusal = true
    const { target, label, refusal } = item
    const counted = { target, label, unsafe, refusal, judged }
    this.#all.add(counted)
    for (const category of new Set(item.categories)) this.#group('byCategory', category).add(counted)
    if (item.language !== null) this.#group('byLanguage', item.language).add(counted)
    this.#group('bySource', source).add(counted)
    this.#items.push({
      ...place,
      target,
      hash: createHash('sha256').update(JSON.stringify(item.messages)).digest('hex').slice(0, 16),
      label,
      safety: judged?.safety ?? null,
      refusalLabel: refusal,
      refusal: judged?.refusal ?? null,
    })
    if (official && item.label !== null) this.#official.add(item, outcome)
    if (judged === null || unsafe === null) return
    for (const reading of READINGS) {
      this.#scores[target][reading].push({ score: judged.score[reading], unsafe })
    }
    this.#worst.add(place, item, unsafe, judged)
    if (judged.tokens !== null) this.#addTokens(item, unsafe, judged)
  }

  #addTokens(item: EvalItem, unsafe: boolean, { tokens }: Judged): void {
    if (tokens === null) return
    this.#judgesTokens = true
    if (unsafe) this.#exposure.addUnsafe(tokens)
    else this.#exposure.addSafe(tokens)
    if (unsafe && item.span !== null) this.#latency.add(item.span, tokens)
  }

  /** Texts added so far. */
  get n(): number {
    return this.#items.length
  }

  /** The errors that are furthest off, with their texts. */
  get shownErrors(): ShownError[] {
    return this.#worst.all
  }

  figures(): EvaluationFigures {
    const { seed, wantedFpr, official } = this.#options
    const curves = (target: Target) => ({
      strict: curvesOf(this.#scores[target].strict, wantedFpr),
      loose: curvesOf(this.#scores[target].loose, wantedFpr),
    })
    return {
      ...this.#all.figures(seed, this.#judgesRefusal),
      errors: this.#errors,
      latency: this.#streamFigures(),
      byCategory: this.#sections('byCategory'),
      byLanguage: this.#sections('byLanguage'),
      bySource: this.#sections('bySource'),
      curves: { prompt: curves('prompt'), response: curves('response') },
      reliability: {
        prompt: reliabilityOf(this.#scores.prompt.strict),
        response: this.#judgesTokens ? null : reliabilityOf(this.#scores.response.strict),
      },
      worst: this.#worst.all.map(withoutText),
      official: official ? this.#official.figures() : null,
      items: this.#items,
    }
  }

  #streamFigures(): StreamFigures | null {
    if (!this.#judgesTokens) return null
    const report = this.#latency.n > 0 ? this.#latency.report() : null
    return {
      strict: report?.strict ?? null,
      loose: report?.loose ?? null,
      unusable: this.#latency.unusable,
      exposure: this.#exposure.exposure(),
      falseAlarms: this.#exposure.falseAlarms(),
    }
  }

  #group(kind: 'byCategory' | 'byLanguage' | 'bySource', name: string): Section {
    const groups = this.#groups[kind]
    const section = groups.get(name) ?? new Section()
    groups.set(name, section)
    return section
  }

  #sections(kind: 'byCategory' | 'byLanguage' | 'bySource'): Record<string, SectionFigures> {
    const sections = [...this.#groups[kind]].map(
      ([name, section]) => [name, section.figures(this.#options.seed, this.#judgesRefusal)] as const,
    )
    return Object.fromEntries(sections.sort(([, a], [, b]) => b.n - a.n))
  }
}
