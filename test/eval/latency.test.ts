import { describe, expect, it } from 'vitest'
import { ExposureSums, tokensShown } from '../../lib/eval/exposure.js'
import { distributionOf, LatencySums, locate } from '../../lib/eval/latency.js'
import type { Safety } from '../../lib/labels.js'
import type { TokenVerdict } from '../../lib/stream/verdict.js'

/** Tokens of these texts, with risks spelled as `'SSUU'`. */
function tokens(texts: string[], letters: string): TokenVerdict[] {
  const names: Record<string, Safety> = { S: 'Safe', C: 'Controversial', U: 'Unsafe' }
  let at = 0
  return texts.map((text, index) => {
    const start = at
    at += text.length
    const risk = names[letters.charAt(index)] as Safety
    const probabilities = { Safe: 0, Controversial: 0, Unsafe: 0, [risk]: 1 }
    const category = risk === 'Safe' ? null : 'Violent'
    return {
      index,
      id: 100 + index,
      text,
      start,
      end: at,
      part: 'answer',
      risk,
      probabilities,
      category,
      categories: {},
    }
  })
}

const REPLY = ['Well', '. ', 'Mix', ' it', '. ', 'Then', ' wait', '. ', 'Done', '.']

describe('locate', () => {
  it('finds the sentence that holds a character, and the one after it', () => {
    const span = { unit: 'character', start: 6, end: null } as const
    expect(locate(span, tokens(REPLY, 'SSSSSSSSSS'))).toEqual({ start: 2, end: 4, nextEnd: 7 })
  })

  it('takes token positions where the tokens are those that were judged', () => {
    const ids = [1, 2, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109]
    const span = { unit: 'token', start: 4, end: 6, ids, split: 2, reasoning: false } as const
    expect(locate(span, tokens(REPLY, 'SSSSSSSSSS'))).toEqual({ start: 2, end: 4, nextEnd: 7 })
    const other = { ...span, ids: ids.map((id) => id + 1) }
    expect(locate(other, tokens(REPLY, 'SSSSSSSSSS'))).toMatch(/other tokens/)
    expect(locate({ ...span, start: 1 }, tokens(REPLY, 'SSSSSSSSSS'))).toMatch(/outside/)
  })
})

describe('detection latency', () => {
  it('is binned, and given from the annotated start, under both readings', () => {
    const sums = new LatencySums()
    const span = { unit: 'character', start: 6, end: null } as const
    for (const risks of ['SSUUSSSSSS', 'UUSSSSSSSS', 'SSSSCCUUSS', 'SSSSSSSSSS'])
      sums.add(span, tokens(REPLY, risks))
    const { strict, loose } = sums.report()
    expect(strict.bins).toMatchObject({ ahead: 1, hit: 1, '1-32': 1, missed: 1 })
    expect(strict.distances).toEqual([-1, 1, 3])
    expect(loose.distances).toEqual([-1, 1, 5])
    expect(strict.within128.withAhead.share).toBe(0.75)
    expect(strict.within128.withoutAhead.share).toBe(0.5)
    expect(strict.withinSentences).toMatchObject({ one: { share: 0.5 }, two: { share: 0.75 } })
  })

  it('has its median between the two values in the middle of an even count', () => {
    expect(distributionOf([1, 2, 4, 9])).toEqual({
      min: 1,
      p10: expect.closeTo(1.3, 12),
      p25: 1.75,
      median: 3,
      p75: 5.25,
      p90: expect.closeTo(7.5, 12),
      max: 9,
    })
    expect(distributionOf([-1, 1, 3])?.median).toBe(1)
    expect(distributionOf([5])).toMatchObject({ min: 5, median: 5, max: 5 })
  })

  it('counts what it cannot place, and has no figure of it', () => {
    const sums = new LatencySums()
    sums.add({ unit: 'character', start: 600, end: null }, tokens(REPLY, 'SSUUSSSSSS'))
    expect(sums.n).toBe(0)
    expect(sums.unusable).toEqual({ 'the position lies outside the reply': 1 })
    expect(sums.report().strict).toMatchObject({
      n: 0,
      within128: { withAhead: { share: null } },
      fromStart: null,
    })
  })
})

describe('what a reader would have seen', () => {
  it('is fewer tokens the more is held back, and nothing where the policy does not stop', () => {
    const reply = tokens(REPLY, 'SSSSSSUUSS')
    expect(tokensShown(reply, {}, 'token')).toBe(6)
    expect(tokensShown(reply, {}, 3)).toBe(4)
    expect(tokensShown(reply, {}, 'sentence')).toBe(5)
    expect(tokensShown(tokens(REPLY, 'SSSSSSCCSS'), {}, 'token')).toBeNull()
    expect(tokensShown(tokens(REPLY, 'SSSSSSCCSS'), { mode: 'strict' }, 'token')).toBe(6)
  })

  it('counts false alarms by reply and by 1,000 tokens', () => {
    const sums = new ExposureSums({}, 'token')
    sums.addSafe(tokens(REPLY, 'UUSUUSCCSS'))
    sums.addSafe(tokens(REPLY, 'SSSSSUSSSS'))
    const alarms = sums.falseAlarms()
    expect(alarms?.strict).toMatchObject({
      replies: 2,
      tokens: 20,
      perReply: { share: 0.5 },
      per1000Tokens: 150,
    })
    expect(alarms?.loose).toMatchObject({ perReply: { share: 0.5 }, per1000Tokens: 100 })
    expect(sums.exposure()).toBeNull()
  })
})
