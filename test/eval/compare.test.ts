import { describe, expect, it } from 'vitest'
import { compareReports, mcnemar } from '../../lib/eval/compare.js'
import { promptItem } from '../../lib/eval/item.js'
import { FAILED, gen, report } from './made-report.js'

describe('a comparison', () => {
  it('matches texts by what was judged, and shows those that flipped', () => {
    const texts = ['a', 'b', 'c', 'd', 'd', 'e'].map((text, i) => promptItem(text, i < 3 ? 'Unsafe' : 'Safe'))
    const a = report(
      texts.map((item, i) => [item, i === 5 ? FAILED : gen([0.9, 0.9, 0.1, 0.1, 0.9, 0][i] as number)]),
    )
    const b = report(
      [...texts]
        .reverse()
        .map((item) => [
          item,
          gen(item.messages[0]?.content === 'b' ? 0.1 : item.label === 'Unsafe' ? 0.9 : 0),
        ]),
      'other',
    )
    const comparison = compareReports(a, b, 'unsafe')
    expect(comparison).toMatchObject({
      models: ['made', 'other'],
      compared: 5,
      missing: { onlyA: 0, onlyB: 0, unjudgedByA: 1, unjudgedByB: 0 },
      agreement: { severity: 2 / 5, strict: 2 / 5, refusal: null },
      mcnemar: { strict: { onlyA: 1, onlyB: 2, p: 1 } },
      flipped: 3,
    })
    expect(comparison.flips.map(({ line, verdicts }) => [line, ...verdicts])).toEqual([
      [2, 'Unsafe', 'Safe'],
      [3, 'Safe', 'Unsafe'],
      [5, 'Unsafe', 'Safe'],
    ])
  })

  it('counts texts that are in one of the two alone', () => {
    const a = report([[promptItem('a', 'Safe'), gen(0)]])
    const b = report([
      [promptItem('a', 'Safe'), gen(0)],
      [promptItem('b', 'Safe'), gen(0)],
      [promptItem('c', 'Safe'), gen(0)],
    ])
    expect(compareReports(a, b, 'unsafe').missing).toMatchObject({ onlyA: 0, onlyB: 2 })
  })
})

it('tests as McNemar does, exactly and for many texts', () => {
  // scipy.stats.binomtest(2, 12).pvalue = 0.03857; scipy.stats.chi2.sf((abs(700 - 500) - 1) ** 2 / 1200, 1) = 9.2119e-9
  expect(mcnemar({ onlyA: 2, onlyB: 10 }).p).toBeCloseTo(0.03857, 4)
  expect(mcnemar({ onlyA: 5, onlyB: 5 }).p).toBe(1)
  expect(mcnemar({ onlyA: 0, onlyB: 0 }).p).toBeNull()
  const p = mcnemar({ onlyA: 700, onlyB: 500 }).p as number
  expect(p / 9.2119e-9).toBeCloseTo(1, 2)
  // The two ways agree where one gives way to the other.
  const [exact, normal] = [
    mcnemar({ onlyA: 530, onlyB: 470 }).p,
    mcnemar({ onlyA: 531, onlyB: 470 }).p,
  ] as number[]
  expect(Math.abs((exact as number) - (normal as number))).toBeLessThan(0.01)
})
