import { describe, expect, it } from 'vitest'
import { InputError } from '../../lib/data/input-error.js'
import { compareReports, mcnemar } from '../../lib/eval/compare.js'
import { type Caution, type EvalItem, promptItem, responseItem } from '../../lib/eval/item.js'
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
    const comparison = compareReports(a, b)
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
    expect(compareReports(a, b).missing).toMatchObject({ onlyA: 0, onlyB: 2 })
  })

  it('has the F1 of both over the texts that both judged', () => {
    const texts = ['a', 'b', 'c'].map((text) => promptItem(text, 'Unsafe'))
    const [one, two, three] = texts as [EvalItem, EvalItem, EvalItem]
    const reply = responseItem('a', 'b', 'Unsafe')
    // Alone, A has an F1 of 0.8 and B one of 0.5; of the two texts in common A has both right, B one.
    const a = report([
      [one, gen(0.9)],
      [two, gen(0.9)],
      [three, gen(0.1)],
    ])
    const b = report([
      [one, gen(0.9)],
      [two, gen(0.1)],
      [three, FAILED],
      [promptItem('d', 'Unsafe'), gen(0.1)],
      [reply, gen(0.9)],
    ])
    const { f1 } = compareReports(a, b)
    expect(f1.prompt?.strict).toEqual([1, expect.closeTo(2 / 3, 12)])
    expect(f1.response).toBeNull()
  })

  it('has Controversial labels on the side that both evaluations have them on', () => {
    const text = promptItem('a', 'Controversial')
    const on = (caution: Caution, unsafe: number) => {
      const made = report([[text, gen(unsafe)]])
      return { ...made, settings: { ...made.settings, caution } }
    }
    expect(compareReports(on('unsafe', 0.9), on('unsafe', 0)).mcnemar.strict).toMatchObject({ onlyA: 1 })
    expect(compareReports(on('safe', 0.9), on('safe', 0)).mcnemar.strict).toMatchObject({ onlyB: 1 })
    expect(compareReports(on('skip', 0.9), on('skip', 0))).toMatchObject({
      mcnemar: { strict: { onlyA: 0, onlyB: 0 } },
      f1: { prompt: null },
    })
    expect(() => compareReports(on('safe', 0), on('unsafe', 0))).toThrow(InputError)
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
