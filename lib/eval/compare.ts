import { InputError } from '../data/input-error.js'
import type { Safety } from '../labels.js'
import type { ItemOutcome } from './evaluation.js'
import { type Counts, f1Of } from './intervals.js'
import { isLabelledUnsafe } from './item.js'
import { countOne, isUnsafe, noCounts, READINGS, type Reading, rate } from './metrics.js'
import type { EvalReport } from './report-data.js'

/** McNemar's test of two readings of the same texts. */
export interface McNemar {
  /** Texts that only A has right, and only B. */
  onlyA: number
  onlyB: number
  /** Two-sided: exact up to 1,000 texts that differ, then by the normal law with continuity correction. */
  p: number | null
}

export interface Flip {
  file: string
  line: number
  target: ItemOutcome['target']
  label: Safety | null
  verdicts: [Safety, Safety]
}

/** Two evaluations of the same texts. */
export interface EvalComparison {
  models: [string, string]
  /** Texts that both judged. */
  compared: number
  /** Texts that are in one of the two alone, or that one of them could not judge. */
  missing: { onlyA: number; onlyB: number; unjudgedByA: number; unjudgedByB: number }
  /** Shares of the texts on which the two say the same: of three severities, and in both readings. */
  agreement: { severity: number | null; strict: number | null; loose: number | null; refusal: number | null }
  mcnemar: Record<Reading, McNemar>
  /** Of the labelled texts that both judged, by A and by B. Null where there are none. */
  f1: Record<'prompt' | 'response', Record<Reading, [number | null, number | null]> | null>
  /** Texts whose severity is not the same; the first 100 of them. */
  flipped: number
  flips: Flip[]
}

const MOST_SHOWN = 100

/** @throws InputError if the two have labels such as Controversial on different sides */
export function compareReports(a: EvalReport, b: EvalReport): EvalComparison {
  const { caution } = a.settings
  if (caution !== b.settings.caution) {
    throw new InputError(
      `Expected two evaluations with one --caution, got ${caution} and ${b.settings.caution}: run one of them again with the other's`,
    )
  }
  const others = new Map<string, ItemOutcome[]>()
  for (const item of b.items) {
    const key = keyOf(item)
    const waiting = others.get(key)
    if (waiting) waiting.push(item)
    else others.set(key, [item])
  }
  const missing = { onlyA: 0, onlyB: 0, unjudgedByA: 0, unjudgedByB: 0 }
  const same = { severity: 0, strict: 0, loose: 0, refusal: 0 }
  const right = { strict: { onlyA: 0, onlyB: 0 }, loose: { onlyA: 0, onlyB: 0 } }
  const sides = { prompt: bothCounts(), response: bothCounts() }
  const flips: Flip[] = []
  let [compared, flipped, refusals] = [0, 0, 0]
  for (const one of a.items) {
    const other = others.get(keyOf(one))?.shift()
    if (other === undefined) {
      missing.onlyA += 1
      continue
    }
    if (one.safety === null) missing.unjudgedByA += 1
    if (other.safety === null) missing.unjudgedByB += 1
    if (one.safety === null || other.safety === null) continue
    compared += 1
    if (one.refusal !== null && other.refusal !== null) {
      refusals += 1
      if (one.refusal === other.refusal) same.refusal += 1
    }
    if (one.safety === other.safety) same.severity += 1
    else {
      flipped += 1
      const { file, line, target, label } = one
      if (flips.length < MOST_SHOWN)
        flips.push({ file, line, target, label, verdicts: [one.safety, other.safety] })
    }
    const unsafe = one.label === null ? null : isLabelledUnsafe(one.label, caution)
    for (const reading of READINGS) {
      const [first, second] = [isUnsafe(one.safety, reading), isUnsafe(other.safety, reading)]
      if (unsafe !== null) {
        countOne(sides[one.target][reading].a, unsafe, first)
        countOne(sides[one.target][reading].b, unsafe, second)
      }
      if (first === second) same[reading] += 1
      else if (unsafe !== null) right[reading][first === unsafe ? 'onlyA' : 'onlyB'] += 1
    }
  }
  for (const waiting of others.values()) missing.onlyB += waiting.length
  return {
    models: [a.model.model, b.model.model],
    compared,
    missing,
    agreement: {
      severity: rate(same.severity, compared),
      strict: rate(same.strict, compared),
      loose: rate(same.loose, compared),
      refusal: rate(same.refusal, refusals),
    },
    mcnemar: { strict: mcnemar(right.strict), loose: mcnemar(right.loose) },
    f1: { prompt: f1Pairs(sides.prompt), response: f1Pairs(sides.response) },
    flipped,
    flips,
  }
}

type BothCounts = Record<Reading, { a: Counts; b: Counts }>

function bothCounts(): BothCounts {
  const both = () => ({ a: noCounts(), b: noCounts() })
  return { strict: both(), loose: both() }
}

function f1Pairs(counts: BothCounts): Record<Reading, [number | null, number | null]> | null {
  const { tp, fp, fn, tn } = counts.strict.a
  if (tp + fp + fn + tn === 0) return null
  const pair = ({ a, b }: BothCounts[Reading]): [number | null, number | null] => [f1Of(a), f1Of(b)]
  return { strict: pair(counts.strict), loose: pair(counts.loose) }
}

/** The same text may stand in a file twice: then the two are taken in order. */
function keyOf({ target, hash }: ItemOutcome): string {
  return `${target} ${hash}`
}

export function mcnemar({ onlyA, onlyB }: { onlyA: number; onlyB: number }): McNemar {
  const n = onlyA + onlyB
  if (n === 0) return { onlyA, onlyB, p: null }
  if (n > 1000) {
    const z = Math.max(0, Math.abs(onlyA - onlyB) - 1) / Math.sqrt(n)
    return { onlyA, onlyB, p: Math.min(1, upperTails(z)) }
  }
  // The binomial law with p = ½, in logarithms: 0.5 ** 1000 is no number any more.
  let logChoose = 0
  let sum = 0
  for (let k = 0; k <= Math.min(onlyA, onlyB); k++) {
    if (k > 0) logChoose += Math.log((n - k + 1) / k)
    sum += Math.exp(logChoose - n * Math.LN2)
  }
  return { onlyA, onlyB, p: Math.min(1, 2 * sum) }
}

/** Probability that a standard normal number lies further from 0 than `z`: Abramowitz and Stegun 7.1.26, to 1.5e-7. */
function upperTails(z: number): number {
  const x = z / Math.SQRT2
  const t = 1 / (1 + 0.3275911 * x)
  const poly =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  return poly * Math.exp(-x * x)
}
