import { describe, expect, it } from 'vitest'
import type { Category, Safety } from '../lib/labels.js'
import { explain, type JudgedVerdict, type Policy } from '../lib/policy.js'

function probabilities(unsafe: number, controversial: number): Record<Safety, number> {
  return { Unsafe: unsafe, Controversial: controversial, Safe: 1 - unsafe - controversial }
}

function token(risk: Safety, category: Category | null, unsafe = 0.8, controversial = 0.1): JudgedVerdict {
  return { risk, category, probabilities: probabilities(unsafe, controversial) }
}

const unsafePrompt: JudgedVerdict = {
  safety: 'Unsafe',
  category: 'PII',
  probabilities: probabilities(0.9, 0.05),
}

describe('explain', () => {
  it.each([
    ['Safe', {}, 'allow'],
    ['Controversial', {}, 'flag'],
    ['Unsafe', {}, 'block'],
    ['Safe', { mode: 'strict' }, 'allow'],
    ['Controversial', { mode: 'strict' }, 'block'],
    ['Unsafe', { mode: 'strict' }, 'block'],
  ] as [Safety, Policy, string][])('does about %s under %j: %s', (risk, policy, action) => {
    expect(explain(token(risk, risk === 'Safe' ? null : 'Violent'), policy).action).toBe(action)
  })

  it("takes a category's own action, and never more than a flag for Controversial under loose", () => {
    const policy: Policy = {
      categories: { 'Politically Sensitive Topics': 'flag', 'Copyright Violation': 'allow' },
    }
    expect(explain(token('Unsafe', 'Politically Sensitive Topics'), policy).action).toBe('flag')
    expect(explain(token('Unsafe', 'Copyright Violation'), policy).action).toBe('allow')
    expect(explain(token('Unsafe', 'Violent'), policy).action).toBe('block')
    expect(explain(token('Controversial', 'Copyright Violation'), policy).action).toBe('allow')
    expect(explain(token('Controversial', 'Violent'), { categories: { Violent: 'block' } }).action).toBe(
      'flag',
    )
  })

  it('takes the most severe of the actions where Gen lists several categories', () => {
    const verdict: JudgedVerdict = { safety: 'Unsafe', categories: ['Copyright Violation', 'Violent'] }
    expect(explain(verdict, { categories: { 'Copyright Violation': 'allow' } }).action).toBe('block')
    expect(explain(verdict, { categories: { 'Copyright Violation': 'allow', Violent: 'flag' } }).action).toBe(
      'flag',
    )
    expect(explain({ safety: 'Unsafe', categories: [] }, {}).action).toBe('block')
  })

  it('lets a threshold on the probability decide instead of the likeliest label', () => {
    const unlikely = token('Safe', null, 0.3, 0.1)
    expect(explain(unlikely, {}).action).toBe('allow')
    expect(explain(unlikely, { threshold: 0.3 }).action).toBe('block')
    expect(explain(unlikely, { threshold: 0.35 }).action).toBe('flag')
    expect(explain(unlikely, { threshold: 0.35, mode: 'strict' }).action).toBe('block')
    expect(explain(unlikely, { threshold: 0.5, mode: 'strict' }).action).toBe('allow')
    expect(explain(token('Unsafe', 'PII', 0.6, 0.1), { threshold: 0.9 }).action).toBe('allow')
    const gen: JudgedVerdict = { safety: 'Safe', categories: [], scores: { safety: probabilities(0.3, 0) } }
    expect(explain(gen, { threshold: 0.2 }).action).toBe('block')
  })

  it('limits what a prompt can cause, and only a prompt', () => {
    expect(explain(unsafePrompt, { prompt: 'flag' }).action).toBe('flag')
    expect(explain(unsafePrompt, { prompt: 'allow' }).action).toBe('allow')
    expect(explain(token('Unsafe', 'PII'), { prompt: 'allow' }).action).toBe('block')
    const gen: JudgedVerdict = { safety: 'Unsafe', categories: ['PII'], refusal: null }
    expect(explain(gen, { prompt: 'flag' }).action).toBe('flag')
    expect(explain({ ...gen, refusal: false }, { prompt: 'flag' }).action).toBe('block')
  })

  it('says which verdict and which rule decided', () => {
    expect(explain(unsafePrompt, { prompt: 'flag' }).because).toMatch(/Unsafe \(PII\).*0\.900.*flag.*prompt/)
    expect(explain(token('Controversial', 'Violent'), {}).because).toMatch(/Controversial.*flag.*'loose'/)
    expect(explain(token('Unsafe', 'PII'), { categories: { PII: 'allow' } }).because).toMatch(
      /'PII' is set to allow/,
    )
    expect(explain(token('Safe', null, 0.3), { threshold: 0.2 }).because).toMatch(/threshold of 0\.2/)
  })

  it.each([
    [{ mode: 'lenient' }, TypeError],
    [{ categories: { Spam: 'block' } }, TypeError],
    [{ categories: { PII: 'ban' } }, TypeError],
    [{ threshold: 0 }, RangeError],
    [{ threshold: 1.1 }, RangeError],
    [{ threshold: Number.NaN }, RangeError],
    [{ consecutive: 0 }, RangeError],
    [{ mixedPairs: 'yes' }, TypeError],
    [{ prompt: 'stop' }, TypeError],
    [{ onFailure: 'flag' }, TypeError],
    [null, TypeError],
  ])('refuses the policy %j', (policy, type) => {
    expect(() => explain(unsafePrompt, policy as unknown as Policy)).toThrow(type)
  })

  it('refuses what is no verdict', () => {
    expect(() => explain({}, {})).toThrow(TypeError)
  })
})
