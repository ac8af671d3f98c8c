import { describe, expect, it } from 'vitest'
import {
  type Action,
  applyPolicy,
  type Policy,
  type PromptVerdict,
  type Safety,
  type TokenVerdict,
} from '../../lib/index.js'

const RISKS = { S: 'Safe', C: 'Controversial', U: 'Unsafe' } as const
type Letter = keyof typeof RISKS

function shares(risk: Safety, most = 0.8): Record<Safety, number> {
  const rest = (1 - most) / 2
  return { Safe: rest, Controversial: rest, Unsafe: rest, [risk]: most }
}

/** A reply of one-letter tokens: U, C and S for their risks, of the category Violent, in lower case PII. */
function reply(letters: string, most?: number): TokenVerdict[] {
  return [...letters].map((letter, index) => {
    const risk = RISKS[letter.toUpperCase() as Letter]
    const category = letter === letter.toUpperCase() ? 'Violent' : 'PII'
    return {
      ...{ index, id: index, text: letter, start: index, end: index + 1, part: 'answer', risk },
      probabilities: shares(risk, most),
      category: risk === 'Safe' ? null : category,
      categories: {},
    }
  })
}

function prompt(safety: Safety): PromptVerdict {
  const category = safety === 'Safe' ? null : 'Jailbreak'
  return { safety, probabilities: shares(safety), category, categories: {} as PromptVerdict['categories'] }
}

describe('applyPolicy', () => {
  // Reply, policy, action, offset from which nothing is released, indices of the tokens flagged.
  it.each([
    ['SSSS', {}, 'allow', null, []],
    ['SUSC', {}, 'allow', null, []],
    ['SSUU', {}, 'block', 2, []],
    ['SCCS', {}, 'flag', null, [2]],
    ['SCCS', { mode: 'strict' }, 'block', 1, []],
    ['SCUS', { mode: 'strict' }, 'allow', null, []],
    ['SCUS', { mode: 'strict', mixedPairs: true }, 'block', 1, []],
    ['SCUS', { mixedPairs: true }, 'flag', null, [2]],
    ['SUSS', { consecutive: 1 }, 'block', 1, []],
    ['SUUS', { consecutive: 3 }, 'allow', null, []],
    ['SUUU', { consecutive: 3 }, 'block', 1, []],
    ['SSuu', { categories: { PII: 'flag' } }, 'flag', null, [3]],
    ['SSuu', { categories: { PII: 'allow' } }, 'allow', null, []],
    ['uuUU', { categories: { PII: 'flag' } }, 'block', 1, [1]],
    ['cccc', { mode: 'strict', categories: { PII: 'flag' } }, 'flag', null, [1]],
    ['ccCC', { categories: { PII: 'block' } }, 'flag', null, [1, 2]],
    // With 0.8 and 0.1 each: P(Unsafe) 0.8 or 0.1, P(Unsafe) + P(Controversial) 0.9 or 0.2.
    ['SSUU', { threshold: 0.85 }, 'flag', null, [3]],
    ['SSUU', { threshold: 0.95 }, 'allow', null, []],
    ['SSUU', { threshold: 0.8 }, 'block', 2, []],
    ['SSSS', { threshold: 0.15 }, 'flag', null, [1]],
    ['SSSS', { threshold: 0.15, mode: 'strict' }, 'block', 0, []],
  ] as [string, Policy, Action, number | null, number[]][])(
    'does about the reply %s under %j: %s',
    (letters, policy, action, start, flagged) => {
      const outcome = applyPolicy(null, reply(letters), policy)
      expect(outcome.action).toBe(action)
      expect(outcome.block?.start ?? null).toBe(start)
      expect(outcome.flags.map(({ index }) => index)).toEqual(flagged)
      expect(outcome.prompt).toBe('allow')
    },
  )

  it.each([
    ['Safe', {}, 'allow'],
    ['Controversial', {}, 'flag'],
    ['Controversial', { mode: 'strict' }, 'block'],
    ['Unsafe', {}, 'block'],
    ['Unsafe', { prompt: 'flag' }, 'flag'],
    ['Unsafe', { prompt: 'allow' }, 'allow'],
    ['Unsafe', { categories: { Jailbreak: 'flag' } }, 'flag'],
    ['Unsafe', { threshold: 0.85 }, 'flag'],
    ['Unsafe', { consecutive: 9 }, 'block'],
  ] as [Safety, Policy, Action][])(
    'does about a prompt that is %s under %j: %s',
    (safety, policy, action) => {
      const outcome = applyPolicy(prompt(safety), reply('SS'), policy)
      expect(outcome).toMatchObject({ action, prompt: action })
      expect(outcome.block).toEqual(
        action === 'block' ? { reason: 'prompt', verdict: prompt(safety), start: 0 } : null,
      )
    },
  )

  it('acts on the worse of prompt and reply, and on the reply only where the prompt passes', () => {
    expect(applyPolicy(prompt('Controversial'), reply('SUU'))).toMatchObject({
      action: 'block',
      prompt: 'flag',
      block: { reason: 'reply', start: 1, verdict: { index: 2 } },
    })
    expect(applyPolicy(prompt('Controversial'), reply('SSS'))).toMatchObject({ action: 'flag', flags: [] })
    expect(applyPolicy(prompt('Unsafe'), reply('CCUU'))).toMatchObject({
      flags: [],
      block: { reason: 'prompt' },
    })
  })

  it('refuses what is no policy, and verdicts with a gap', () => {
    expect(() => applyPolicy(null, [], { threshold: 2 })).toThrow(RangeError)
    expect(() => applyPolicy(null, reply('SUU').slice(1))).toThrow(TypeError)
  })
})
