import { SeededRandom } from './random.js'

/** Lower and upper end of a 95 % interval. */
export type Interval = [low: number, high: number]

/** The normal law's 97.5 % point. */
const Z = 1.959963984540054

/** Wilson's interval of a rate of `successes` in `n`; null without tries. */
export function wilson(successes: number, n: number): Interval | null {
  if (n === 0) return null
  const rate = successes / n
  const z2 = Z * Z
  const centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
  const half = (Z / (1 + z2 / n)) * Math.sqrt((rate * (1 - rate)) / n + z2 / (4 * n * n))
  // At the ends rounding leaves some 1e-17 of what is exactly none.
  return [successes === 0 ? 0 : Math.max(0, centre - half), successes === n ? 1 : Math.min(1, centre + half)]
}

/** Rows by label and by verdict: true and false positives and negatives, where positive is unsafe. */
export interface Counts {
  tp: number
  fp: number
  fn: number
  tn: number
}

const RESAMPLES = 2000

/** F1 of counts; null where nothing is labelled unsafe: what is flagged there is a false alarm, and no F1 of 0. */
export function f1Of({ tp, fp, fn }: Counts): number | null {
  return tp + fn === 0 ? null : (2 * tp) / (2 * tp + fp + fn)
}

/**
 * The percentile interval of F1 from a bootstrap by row, the same for the same counts and seed. F1 depends on the rows
 * through the four counts alone, so that rows drawn with replacement are counts drawn from a multinomial law.
 */
export function bootstrapF1(counts: Counts, seed = 1): Interval | null {
  const n = counts.tp + counts.fp + counts.fn + counts.tn
  if (f1Of(counts) === null) return null
  const random = new SeededRandom(seed)
  const values: number[] = []
  for (let i = 0; i < RESAMPLES; i++) {
    const tp = random.binomial(n, counts.tp / n)
    const others = n - counts.tp
    const fp = others === 0 ? 0 : random.binomial(n - tp, counts.fp / others)
    const rest = others - counts.fp
    const fn = rest === 0 ? 0 : random.binomial(n - tp - fp, counts.fn / rest)
    const value = f1Of({ tp, fp, fn, tn: 0 })
    if (value !== null) values.push(value)
  }
  values.sort((a, b) => a - b)
  const at = (share: number) =>
    values[Math.min(values.length - 1, Math.floor(share * values.length))] as number
  return [at(0.025), at(0.975)]
}
