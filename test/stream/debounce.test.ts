import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SAFETIES, type Safety } from '../../lib/labels.js'
import { Debounce, type DebounceOptions } from '../../lib/stream/debounce.js'

const risks = fc.array(fc.constantFrom(...SAFETIES), { maxLength: 24 })

function debounced(list: readonly Safety[], options: DebounceOptions = {}) {
  const debounce = new Debounce(options)
  for (const risk of list) debounce.push(risk)
  return debounce.verdict
}

/** The rule as the specification words it. */
function officialRule(list: readonly Safety[]) {
  const pair = (risk: Safety) => list.findIndex((here, i) => i > 0 && here === risk && list[i - 1] === risk)
  for (const safety of ['Unsafe', 'Controversial'] as const) {
    const at = pair(safety)
    if (at >= 0) return { safety, at }
  }
  return { safety: 'Safe', at: null }
}

describe('Debounce', () => {
  it("is Qwen's rule by default", () => {
    fc.assert(
      fc.property(risks, (list) => {
        expect(debounced(list)).toEqual(officialRule(list))
      }),
      { numRuns: 2000 },
    )
  })

  it('asks for as many verdicts in a row as it is told', () => {
    fc.assert(
      fc.property(risks, fc.integer({ min: 1, max: 5 }), (list, consecutive) => {
        const run = (risk: Safety) =>
          list.findIndex(
            (_, i) =>
              i >= consecutive - 1 && list.slice(i - consecutive + 1, i + 1).every((one) => one === risk),
          )
        const [unsafe, controversial] = [run('Unsafe'), run('Controversial')]
        const expected =
          unsafe >= 0
            ? { safety: 'Unsafe', at: unsafe }
            : controversial >= 0
              ? { safety: 'Controversial', at: controversial }
              : { safety: 'Safe', at: null }
        expect(debounced(list, { consecutive })).toEqual(expected)
      }),
      { numRuns: 2000 },
    )
  })

  it('lets a run of both count as Controversial, and Unsafe beat it, when mixed pairs count', () => {
    fc.assert(
      fc.property(risks, fc.integer({ min: 1, max: 4 }), (list, consecutive) => {
        const run = (...kinds: Safety[]) =>
          list.findIndex(
            (_, i) =>
              i >= consecutive - 1 &&
              list.slice(i - consecutive + 1, i + 1).every((one) => kinds.includes(one)),
          )
        const [unsafe, either] = [run('Unsafe'), run('Unsafe', 'Controversial')]
        const expected =
          unsafe >= 0
            ? { safety: 'Unsafe', at: unsafe }
            : either >= 0
              ? { safety: 'Controversial', at: either }
              : { safety: 'Safe', at: null }
        expect(debounced(list, { consecutive, mixedPairs: true })).toEqual(expected)
      }),
      { numRuns: 2000 },
    )
  })

  it('goes on in a copy as itself, and is not changed by what the copy takes', () => {
    const options = fc.record({ consecutive: fc.integer({ min: 1, max: 4 }), mixedPairs: fc.boolean() })
    fc.assert(
      fc.property(risks, risks, risks, options, (list, tried, rest, options) => {
        const debounce = new Debounce(options)
        for (const risk of list) debounce.push(risk)
        const copy = debounce.copy()
        for (const risk of tried) copy.push(risk)
        expect(copy.verdict).toEqual(debounced([...list, ...tried], options))
        for (const risk of rest) debounce.push(risk)
        expect(debounce.verdict).toEqual(debounced([...list, ...rest], options))
      }),
      { numRuns: 1000 },
    )
  })

  it('lets a mixed pair count as Controversial only when asked', () => {
    expect(debounced(['Safe', 'Unsafe', 'Controversial', 'Safe'])).toEqual({ safety: 'Safe', at: null })
    expect(debounced(['Safe', 'Unsafe', 'Controversial', 'Safe'], { mixedPairs: true })).toEqual({
      safety: 'Controversial',
      at: 2,
    })
    expect(debounced(['Controversial', 'Unsafe', 'Unsafe'], { mixedPairs: true })).toEqual({
      safety: 'Unsafe',
      at: 2,
    })
  })

  it('says at which token a risk is reached, also again and later', () => {
    const debounce = new Debounce()
    const list: Safety[] = ['Unsafe', 'Unsafe', 'Unsafe', 'Safe', 'Controversial', 'Controversial']
    expect(list.map((risk) => debounce.push(risk))).toEqual([
      'Safe',
      'Unsafe',
      'Unsafe',
      'Safe',
      'Safe',
      'Controversial',
    ])
    expect(debounce.verdict).toEqual({ safety: 'Unsafe', at: 1 })
  })

  it('holds open exactly the tokens that a run could still begin with', () => {
    fc.assert(
      fc.property(risks, fc.integer({ min: 1, max: 4 }), fc.boolean(), (list, consecutive, mixedPairs) => {
        const options = { consecutive, mixedPairs }
        const debounce = new Debounce(options)
        for (const risk of list) debounce.push(risk)
        const open = debounce.open('Unsafe')
        // With one token fewer to begin with, no continuation makes a run that includes it.
        const next = new Debounce(options)
        for (const risk of list.slice(list.length - open)) next.push(risk)
        for (let i = open; i < consecutive - 1; i++) expect(next.push('Unsafe')).not.toBe('Unsafe')
        expect(next.push('Unsafe')).toBe('Unsafe')
      }),
      { numRuns: 1000 },
    )
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses %s in a row', (consecutive) => {
    expect(() => new Debounce({ consecutive })).toThrow(RangeError)
  })
})
