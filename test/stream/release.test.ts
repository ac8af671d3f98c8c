import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SAFETIES, type Safety } from '../../lib/labels.js'
import type { Policy } from '../../lib/policy.js'
import type { ModerationEvent } from '../../lib/stream/events.js'
import { Release } from '../../lib/stream/release.js'
import type { TokenVerdict } from '../../lib/stream/verdict.js'

/** A verdict of a token of two characters. */
function verdictAt(index: number, risk: Safety): TokenVerdict {
  const start = 2 * index
  return {
    ...{ index, id: index, text: 'ab', start, end: start + 2, part: 'answer', risk },
    probabilities: { Safe: 0, Controversial: 0, Unsafe: 0, [risk]: 1 },
    category: risk === 'Safe' ? null : 'Violent',
    categories: {},
  }
}

/** Index of the first token that ends a run which blocks, and of the one that begins it. */
function firstBlock(
  risks: readonly Safety[],
  { mode = 'loose', consecutive = 2, mixedPairs = false }: Policy,
) {
  const counting: Safety[][] = [['Unsafe']]
  if (mode === 'strict') counting.push(mixedPairs ? ['Unsafe', 'Controversial'] : ['Controversial'])
  for (let i = consecutive - 1; i < risks.length; i++) {
    const run = risks.slice(i - consecutive + 1, i + 1)
    if (counting.some((kinds) => run.every((risk) => kinds.includes(risk))))
      return { index: i, start: i - consecutive + 1 }
  }
  return null
}

const policies: fc.Arbitrary<Policy> = fc.record(
  {
    mode: fc.constantFrom('strict', 'loose'),
    consecutive: fc.integer({ min: 1, max: 4 }),
    mixedPairs: fc.boolean(),
  },
  { requiredKeys: [] },
)

const risk = fc.constantFrom(...SAFETIES)

describe('Release', () => {
  it('stops at the first run that blocks, final or provisional, and counts no provisional verdict twice', () => {
    const step = fc.record({ final: fc.nat(4), provisional: fc.option(fc.array(risk, { maxLength: 5 })) })
    fc.assert(
      fc.property(fc.array(risk, { maxLength: 40 }), fc.array(step), policies, (risks, steps, policy) => {
        const release = new Release(policy, 'token')
        release.pushed('ab'.repeat(risks.length + 10))
        const events: ModerationEvent[] = []
        let provisional: TokenVerdict[] = []
        let final = 0
        for (const step of steps) {
          const verdicts = risks.slice(final, final + step.final).map((risk, i) => verdictAt(final + i, risk))
          final = Math.min(risks.length, final + step.final)
          if (step.provisional) provisional = step.provisional.map((risk, i) => verdictAt(final + i, risk))
          else if (step.final > 0) provisional = []
          events.push(...release.judge(verdicts, provisional, true))

          const judged = risks.slice(0, final)
          const here = firstBlock(judged, policy)
          const beforehand = firstBlock([...judged, ...provisional.map((token) => token.risk)], policy)
          const released = events.reduce(
            (sum, event) => sum + (event.type === 'text' ? event.text.length : 0),
            0,
          )
          const tokens = events.filter((event) => event.type === 'token').length
          if (here ?? beforehand) {
            const { index, start } = (here ?? beforehand) as { index: number; start: number }
            expect(events.at(-1)).toEqual({
              type: 'block',
              reason: 'reply',
              verdict: here ? verdictAt(index, risks[index] as Safety) : provisional[index - final],
              start: released,
              ...(!here && { provisional: true }),
            })
            // Nothing of the run is out, nor what was last and could have begun one.
            if (here) expect(released).toBe(2 * start)
            expect(released).toBeLessThanOrEqual(2 * Math.min(start, final))
            expect(released).toBeGreaterThan(2 * (Math.min(start, final) - (policy.consecutive ?? 2)))
            return
          }
          expect(events.some((event) => event.type === 'block')).toBe(false)
          expect(released).toBeLessThanOrEqual(2 * final)
          expect(tokens).toBe(final)
        }
      }),
      { numRuns: 3000, seed: 41 },
    )
  })

  it('flags what provisional verdicts would flag only when they are final, once', () => {
    const release = new Release({ consecutive: 1 }, 'token')
    release.pushed('abab')
    const beforehand = [verdictAt(0, 'Controversial'), verdictAt(1, 'Controversial')]
    expect([...release.judge([], beforehand, false)]).toEqual([])
    expect([...release.judge(beforehand, [], false)].map(({ type }) => type)).toEqual(['flag', 'text'])
  })

  it('says where the view of the guard begins, before the first token that it concerns', () => {
    const release = new Release({}, 'token')
    release.pushed('abababab')
    const verdicts = [0, 1, 2, 3].map((index) => ({
      ...verdictAt(index, 'Safe'),
      ...(index > 1 && { contextStart: index < 3 ? 2 : 4 }),
    }))
    const events = [...release.judge(verdicts, [], true)]
    expect(events.map((event) => (event.type === 'slide' ? event.start : event.type))).toEqual([
      ...['token', 'text', 'token', 'text', 2, 'token', 'text', 4, 'token', 'text'],
    ])
    expect([...release.judge([], [], true)]).toEqual([])
  })

  it('releases a sentence once another begins, though no token is cleared by then', () => {
    const release = new Release({}, 'sentence')
    release.pushed('ab. ')
    expect([...release.judge([verdictAt(0, 'Safe')], [], false)]).toEqual([])
    expect([...release.judge([verdictAt(1, 'Safe')], [], false)]).toEqual([])
    release.pushed('X')
    expect([...release.judge([], [], false)]).toEqual([{ type: 'text', text: 'ab. ' }])
    release.pushed('YZ')
    expect([...release.judge([], [], false)]).toEqual([])
    expect(release.rest()).toBe('XYZ')
  })
})
