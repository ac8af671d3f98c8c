import { describe, expect, it } from 'vitest'
import { benchmarkResults } from '../../lib/eval/benchmark-results.js'
import { type Caution, promptItem, responseItem } from '../../lib/eval/item.js'
import { publishedFigures } from '../../lib/eval/published.js'
import { evaluation, FAILED, gen, report } from './made-report.js'

describe('an evaluation', () => {
  it('has the figures of prompts and replies apart, and of every group', () => {
    const figures = evaluation().figures()
    expect(figures).toMatchObject({ n: 15, unjudged: 1 })
    expect(figures.prompt?.strict).toMatchObject({ f1: 0.8, recall: 0.8, precision: 0.8, fpr: 0.2 })
    expect(figures.response?.strict).toMatchObject({ f1: 0.5 })
    expect(figures.refusal).toBeNull()
    expect(figures.byCategory.harm?.prompt).toMatchObject({ n: 5, strict: { recall: 0.8, fpr: null } })
    expect(Object.keys(figures.byLanguage)).toEqual(['en', 'de'])
    expect(figures.byLanguage.de?.prompt?.strict).toMatchObject({ recall: 0, f1: 0 })
    expect(figures.prompt?.matrix?.Unsafe).toEqual({ Safe: 1, Controversial: 0, Unsafe: 4, unjudged: 1 })
    expect(figures.latency).toBeNull()
  })

  it('counts a row once in a category that it names twice', () => {
    const { byCategory } = evaluation([
      [promptItem('a', 'Unsafe', { categories: ['harm', 'harm', 'fraud'] }), gen(0.9)],
    ]).figures()
    expect(byCategory.harm).toMatchObject({ n: 1, prompt: { n: 1, strict: { counts: { tp: 1 } } } })
    expect(byCategory.fraud).toMatchObject({ n: 1 })
  })

  it('splits strict and loose where labels and verdicts are both Controversial', () => {
    const judgements = [
      [promptItem('a', 'Unsafe'), gen(0.1, 0.8)],
      [promptItem('b', 'Unsafe'), gen(0.9)],
      [promptItem('c', 'Unsafe'), gen(0)],
      [promptItem('d', 'Safe'), gen(0.1, 0.8)],
      [promptItem('e', 'Safe'), gen(0.9)],
      [promptItem('f', 'Safe'), gen(0)],
      [promptItem('g', 'Safe'), gen(0)],
      [promptItem('h', 'Controversial'), gen(0.1, 0.8)],
      [promptItem('i', 'Controversial'), gen(0)],
    ] as Parameters<typeof evaluation>[0]
    const counts = (caution: Caution) => {
      const { prompt } = evaluation(judgements, { caution }).figures()
      return [prompt?.n, prompt?.strict.counts, prompt?.loose.counts]
    }
    // By hand: strict flags a, b, d, e, h; loose b, e. Unsafe are a, b, c, and with caution unsafe h, i.
    expect(counts('unsafe')).toEqual([9, { tp: 3, fn: 2, fp: 2, tn: 2 }, { tp: 1, fn: 4, fp: 1, tn: 3 }])
    expect(counts('safe')).toEqual([9, { tp: 2, fn: 1, fp: 3, tn: 3 }, { tp: 1, fn: 2, fp: 1, tn: 5 }])
    expect(counts('skip')).toEqual([7, { tp: 2, fn: 1, fp: 2, tn: 2 }, { tp: 1, fn: 2, fp: 1, tn: 3 }])
    const { strict, loose } = evaluation(judgements).figures().prompt ?? {}
    expect(strict).toMatchObject({ precision: 3 / 5, recall: 3 / 5, fpr: 1 / 2 })
    expect(strict?.f1).toBeCloseTo(0.6, 12)
    expect(loose).toMatchObject({ precision: 1 / 2, recall: 1 / 5, fpr: 1 / 4 })
    expect(loose?.f1).toBeCloseTo(2 / 7, 12)
  })

  it('never counts a text without a verdict as safe, nor as anything', () => {
    const { prompt, errors } = evaluation([
      [promptItem('a', 'Unsafe'), FAILED],
      [promptItem('b', 'Safe'), FAILED],
      [promptItem('c', 'Unsafe'), gen(0.9)],
    ]).figures()
    expect(prompt).toMatchObject({
      n: 3,
      unjudged: 2,
      strict: { counts: { tp: 1, fp: 0, fn: 0, tn: 0 }, recall: 1, fpr: null },
      worstCase: { strict: { recall: 0.5, precision: 0.5, fpr: 1 } },
    })
    expect(errors).toEqual({ ERR_TOO_LONG: 2 })
  })

  it('has null where nothing was judged', () => {
    const { prompt, response, curves } = evaluation([[promptItem('a', 'Unsafe'), FAILED]]).figures()
    expect(prompt?.strict).toMatchObject({
      f1: null,
      precision: null,
      recall: null,
      fpr: null,
      accuracy: null,
    })
    expect(response).toBeNull()
    expect(curves.prompt.strict).toBeNull()
  })

  it('reads Controversial as unsafe in one reading and as safe in the other', () => {
    const { prompt } = evaluation([
      [promptItem('a', 'Unsafe'), gen(0.1, 0.8)],
      [promptItem('b', 'Safe'), gen(0.1, 0.8)],
      [promptItem('c', 'Controversial'), gen(0.9)],
    ]).figures()
    expect(prompt).toMatchObject({ strict: { recall: 1, fpr: 1 }, loose: { recall: 0.5, fpr: 0 } })
    expect(prompt?.matrix?.Controversial.Unsafe).toBe(1)
  })

  it('measures refusals where the data and the model say something of them', () => {
    const { refusal, response } = evaluation([
      [responseItem('a', 'No.', null, { refusal: true }), gen(0.1, 0, true)],
      [responseItem('b', 'Well', null, { refusal: false }), gen(0.1, 0, true)],
      [responseItem('c', 'So', 'Safe', { refusal: false }), FAILED],
    ]).figures()
    expect(refusal).toMatchObject({ n: 3, unjudged: 1, strict: { recall: 1, fpr: 1, precision: 0.5 } })
    expect(response).toMatchObject({ n: 1, unjudged: 1 })
  })

  it('keeps the errors that are furthest off, and their texts out of the figures', () => {
    const made = evaluation()
    const { worst } = made.figures()
    expect(worst.map(({ kind, line }) => [kind, line])).toEqual([
      ['missed', 13],
      ['missed', 5],
      ['false alarm', 14],
      ['false alarm', 6],
    ])
    expect(JSON.stringify(made.figures())).not.toContain('How to')
    expect(made.shownErrors[0]?.messages.at(-1)?.content).toBe('So.')
  })
})

describe("any-guardrail's keys", () => {
  it('have false alarms beside every recall, and null for what is missing', () => {
    const made = report()
    const results = benchmarkResults(made.model, made.data, { ...made, refusal: made.response })
    expect(
      results.map(({ category, cohort }) => `${category} ${cohort.threshold_policy} ${cohort.metric}`),
    ).toContain('prompt likeliest label, loose fpr')
    expect(Object.keys(results[0]?.cohort ?? {})).toEqual([
      'dataset',
      'dataset_revision',
      'split',
      'label_mapping',
      'metric',
      'metric_impl',
      'threshold_policy',
      'harness',
      'aggregation',
    ])
    const empty = evaluation([[promptItem('a', 'Unsafe'), FAILED]]).figures()
    expect(benchmarkResults(made.model, made.data, empty).map(({ value }) => value)).toEqual(
      Array(8).fill(null),
    )
  })
})

describe('published figures', () => {
  const figures = { refusal: report().prompt, latency: null }

  it('stand beside measured ones of the same model and set only', () => {
    const model = { kind: 'gen', name: 'Qwen3Guard-Gen-0.6B', demonstration: false } as const
    expect(publishedFigures(model, [{ set: 'xstest' }], figures)).toMatchObject([
      { published: 0.933, measured: 0.8 },
    ])
    expect(publishedFigures({ ...model, name: 'Qwen3Guard-Gen-4B' }, [{ set: 'xstest' }], figures)).toEqual(
      [],
    )
    expect(publishedFigures({ ...model, name: 'mine' }, [{ set: 'xstest' }], figures)).toEqual([])
    expect(publishedFigures(model, [{ set: 'generic' }], figures)).toEqual([])
    expect(publishedFigures(model, [{ set: 'xstest' }, { set: 'generic' }], figures)).toEqual([])
    expect(publishedFigures({ ...model, demonstration: true }, [{ set: 'xstest' }], figures)).toEqual([])
  })
})
