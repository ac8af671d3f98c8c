import { describe, expect, it } from 'vitest'
import { bootstrapF1, wilson } from '../../lib/eval/intervals.js'
import { SeededRandom } from '../../lib/eval/random.js'

describe('wilson', () => {
  it("is Wilson's interval, as statsmodels gives it", () => {
    // proportion_confint(count, nobs, method='wilson')
    expect(wilson(8, 10)).toEqual([expect.closeTo(0.490162, 5), expect.closeTo(0.943318, 5)])
    expect(wilson(0, 20)).toEqual([0, expect.closeTo(0.161125, 5)])
    expect(wilson(20, 20)).toEqual([expect.closeTo(0.838875, 5), 1])
  })

  it('has none of no rows', () => {
    expect(wilson(0, 0)).toBeNull()
  })
})

describe('bootstrapF1', () => {
  it('is the same for the same seed and counts, and another for another seed', () => {
    const counts = { tp: 40, fp: 10, fn: 15, tn: 60 }
    expect(bootstrapF1(counts, 7)).toEqual(bootstrapF1(counts, 7))
    expect(bootstrapF1(counts, 7)).not.toEqual(bootstrapF1(counts, 8))
  })

  it('agrees with drawing rows one by one', () => {
    const counts = { tp: 40, fp: 10, fn: 15, tn: 60 }
    const n = 125
    const random = new SeededRandom(3)
    const values = Array.from({ length: 2000 }, () => {
      let [tp, fp, fn] = [0, 0, 0]
      for (let i = 0; i < n; i++) {
        const row = random.next() * n
        if (row < 40) tp++
        else if (row < 50) fp++
        else if (row < 65) fn++
      }
      return (2 * tp) / (2 * tp + fp + fn)
    }).sort((a, b) => a - b)
    const [low, high] = bootstrapF1(counts) as [number, number]
    expect(low).toBeCloseTo(values[50] as number, 1)
    expect(high).toBeCloseTo(values[1949] as number, 1)
    expect(low).toBeLessThan(80 / 105)
    expect(high).toBeGreaterThan(80 / 105)
  })

  it('narrows as rows grow, also where their number is past drawing them', () => {
    const wide = bootstrapF1({ tp: 40, fp: 10, fn: 10, tn: 40 }) as [number, number]
    const narrow = bootstrapF1({ tp: 400_000, fp: 100_000, fn: 100_000, tn: 400_000 }) as [number, number]
    expect(narrow[1] - narrow[0]).toBeLessThan((wide[1] - wide[0]) / 50)
    expect(narrow[0]).toBeLessThan(0.8)
    expect(narrow[1]).toBeGreaterThan(0.8)
  })

  it('has none where nothing is unsafe', () => {
    expect(bootstrapF1({ tp: 0, fp: 0, fn: 0, tn: 10 })).toBeNull()
  })
})

it('draws binomial numbers with the right mean and spread', () => {
  const random = new SeededRandom(1)
  for (const [n, p] of [
    [20, 0.1],
    [20, 0.9],
    [100_000, 0.3],
  ] as const) {
    const draws = Array.from({ length: 4000 }, () => random.binomial(n, p))
    const mean = draws.reduce((a, b) => a + b) / draws.length
    const spread = Math.sqrt(draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length)
    const expected = Math.sqrt(n * p * (1 - p))
    expect(Math.abs(mean - n * p)).toBeLessThan(expected / 10)
    expect(Math.abs(spread - expected)).toBeLessThan(expected / 10)
  }
})
