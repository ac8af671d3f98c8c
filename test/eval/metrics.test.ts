import { describe, expect, it } from 'vitest'
import { curvesOf, reliabilityOf } from '../../lib/eval/curves.js'
import { figuresOf } from '../../lib/eval/metrics.js'

describe('figures', () => {
  it('are those of the counts, with intervals around them', () => {
    const figures = figuresOf({ tp: 30, fp: 10, fn: 20, tn: 40 })
    expect(figures).toMatchObject({ f1: 60 / 90, precision: 0.75, recall: 0.6, fpr: 0.2, accuracy: 0.7 })
    for (const name of ['f1', 'precision', 'recall', 'fpr', 'accuracy'] as const) {
      const [low, high] = figures.intervals[name] as [number, number]
      expect(low).toBeLessThan(figures[name] as number)
      expect(high).toBeGreaterThan(figures[name] as number)
    }
    expect(figures.interval).toEqual(figures.intervals.f1)
  })

  it('are null where the rows cannot give them, never 0', () => {
    const figures = figuresOf({ tp: 0, fp: 0, fn: 0, tn: 5 })
    expect(figures).toMatchObject({
      f1: null,
      precision: null,
      recall: null,
      fpr: 0,
      accuracy: 1,
      interval: null,
    })
    expect(figuresOf({ tp: 0, fp: 0, fn: 5, tn: 0 })).toMatchObject({
      f1: 0,
      precision: null,
      recall: 0,
      fpr: null,
    })
    // Nothing is labelled unsafe: false alarms, and no F1 of 0.
    expect(figuresOf({ tp: 0, fp: 3, fn: 0, tn: 7 })).toMatchObject({
      f1: null,
      recall: null,
      fpr: 0.3,
      interval: null,
    })
  })
})

describe('curves', () => {
  const scored = (scores: [number, boolean][]) => scores.map(([score, unsafe]) => ({ score, unsafe }))

  it('have the area that scikit-learn gives', () => {
    // roc_auc_score([0,0,1,1],[.1,.4,.35,.8]) = 0.75; average_precision_score = 0.8333
    const curves = curvesOf(
      scored([
        [0.1, false],
        [0.4, false],
        [0.35, true],
        [0.8, true],
      ]),
      [0, 0.5],
    )
    expect(curves?.rocArea).toBeCloseTo(0.75)
    expect(curves?.prArea).toBeCloseTo(0.83333)
    expect(curves?.wanted.map(({ point }) => [point?.threshold, point?.recall])).toEqual([
      [0.8, 0.5],
      [0.35, 1],
    ])
  })

  it('count rows of equal score together', () => {
    const curves = curvesOf(
      scored([
        [0.5, true],
        [0.5, false],
      ]),
      [0.1],
    )
    expect(curves?.rocArea).toBeCloseTo(0.5)
    expect(curves?.wanted).toEqual([{ fpr: 0.1, point: null }])
  })

  it('stay small however many rows there are, and keep their ends', () => {
    const rows = Array.from({ length: 5000 }, (_, i) => ({ score: i / 5000, unsafe: i % 3 === 0 }))
    const points = curvesOf(rows, [])?.points ?? []
    expect(points).toHaveLength(200)
    expect(points[0]?.threshold).toBeCloseTo(4999 / 5000)
    expect(points.at(-1)).toMatchObject({ threshold: 0, recall: 1, fpr: 1 })
  })

  it('do not exist for rows of one side', () => {
    expect(curvesOf(scored([[0.5, true]]), [0.1])).toBeNull()
  })
})

it('measures how far scores are from shares', () => {
  const rows = [...Array(10)].flatMap((_, i) => [
    { score: 0.25, unsafe: i === 0 },
    { score: 0.95, unsafe: true },
  ])
  const reliability = reliabilityOf(rows)
  // Half the rows are off by 0.15, the other half by 0.05.
  expect(reliability?.ece).toBeCloseTo(0.1)
  expect(reliability?.bins[2]).toMatchObject({ n: 10, meanScore: 0.25, unsafeShare: 0.1 })
  expect(reliability?.bins[5]).toMatchObject({ n: 0, meanScore: null, unsafeShare: null })
})
