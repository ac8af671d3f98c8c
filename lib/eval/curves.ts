import { type Counts, f1Of } from './intervals.js'
import { noCounts, rate } from './metrics.js'

/** One row's score, from 0 to 1, and its label. */
export interface Scored {
  score: number
  unsafe: boolean
}

/** What flagging from a score on would do. */
export interface OperatingPoint {
  threshold: number
  recall: number | null
  fpr: number | null
  precision: number | null
  f1: number | null
}

export interface Curves {
  /** Area under the ROC curve: the share of pairs, one unsafe and one safe, that the score puts in order. */
  rocArea: number | null
  /** Average precision: the area under the steps of the precision-recall curve. */
  prArea: number | null
  /** From the highest threshold to the lowest; at most 200 points, evenly along it. */
  points: OperatingPoint[]
  /** At round thresholds. */
  sweep: OperatingPoint[]
  /** The lowest threshold that keeps false alarms within each wanted rate; null where none does. */
  wanted: { fpr: number; point: OperatingPoint | null }[]
}

const MOST_POINTS = 200
const SWEEP = [0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]

/** The curves of scored rows; null where there are no rows of one side or the other, and so no curve. */
export function curvesOf(rows: readonly Scored[], wantedFpr: readonly number[]): Curves | null {
  const positives = rows.reduce((sum, { unsafe }) => sum + (unsafe ? 1 : 0), 0)
  const negatives = rows.length - positives
  if (positives === 0 || negatives === 0) return null
  const steps = stepsOf(rows, positives, negatives)
  let [rocArea, prArea] = [0, 0]
  let before: Counts = { tp: 0, fp: 0, fn: positives, tn: negatives }
  for (const { counts } of steps) {
    rocArea += ((counts.fp - before.fp) / negatives) * ((counts.tp + before.tp) / 2 / positives)
    prArea += ((counts.tp - before.tp) / positives) * (counts.tp / (counts.tp + counts.fp))
    before = counts
  }
  return {
    rocArea,
    prArea,
    points: thinned(steps).map(pointOf),
    sweep: SWEEP.map((threshold) =>
      pointOf({ threshold, counts: countsFrom(steps, threshold, positives, negatives) }),
    ),
    wanted: wantedFpr.map((fpr) => {
      const step = steps.findLast(({ counts }) => counts.fp / negatives <= fpr)
      return { fpr, point: step === undefined ? null : pointOf(step) }
    }),
  }
}

interface Step {
  threshold: number
  counts: Counts
}

/** One step for each score that occurs, highest first: rows of equal score are flagged together. */
function stepsOf(rows: readonly Scored[], positives: number, negatives: number): Step[] {
  const sorted = [...rows].sort((a, b) => b.score - a.score)
  const steps: Step[] = []
  let [tp, fp] = [0, 0]
  sorted.forEach(({ score, unsafe }, i) => {
    if (unsafe) tp += 1
    else fp += 1
    if (sorted[i + 1]?.score === score) return
    steps.push({ threshold: score, counts: { tp, fp, fn: positives - tp, tn: negatives - fp } })
  })
  return steps
}

function countsFrom(steps: readonly Step[], threshold: number, positives: number, negatives: number): Counts {
  const step = steps.findLast((one) => one.threshold >= threshold)
  return step?.counts ?? { ...noCounts(), fn: positives, tn: negatives }
}

function pointOf({ threshold, counts }: Step): OperatingPoint {
  const { tp, fp, fn, tn } = counts
  return {
    threshold,
    recall: rate(tp, tp + fn),
    fpr: rate(fp, fp + tn),
    precision: rate(tp, tp + fp),
    f1: f1Of(counts),
  }
}

/** Evenly along the curve, ends included. */
function thinned(steps: readonly Step[]): Step[] {
  if (steps.length <= MOST_POINTS) return [...steps]
  return Array.from(
    { length: MOST_POINTS },
    (_, i) => steps[Math.round((i * (steps.length - 1)) / (MOST_POINTS - 1))] as Step,
  )
}

export interface Reliability {
  /** Expected calibration error: the mean distance of score and share over the bins, by their rows. */
  ece: number
  bins: { from: number; to: number; n: number; meanScore: number | null; unsafeShare: number | null }[]
}

const BINS = 10

/** How far scores are probabilities: in each tenth the mean score beside the share that is labelled unsafe. */
export function reliabilityOf(rows: readonly Scored[]): Reliability | null {
  if (rows.length === 0) return null
  const sums = Array.from({ length: BINS }, () => ({ n: 0, score: 0, unsafe: 0 }))
  for (const { score, unsafe } of rows) {
    const bin = sums[Math.min(BINS - 1, Math.floor(score * BINS))] as (typeof sums)[number]
    bin.n += 1
    bin.score += score
    bin.unsafe += unsafe ? 1 : 0
  }
  const bins = sums.map(({ n, score, unsafe }, i) => ({
    from: i / BINS,
    to: (i + 1) / BINS,
    n,
    meanScore: rate(score, n),
    unsafeShare: rate(unsafe, n),
  }))
  const ece = sums.reduce((sum, { score, unsafe }) => sum + Math.abs(score - unsafe) / rows.length, 0)
  return { ece, bins }
}
