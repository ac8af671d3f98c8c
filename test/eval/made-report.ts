import { Evaluation, type EvaluationOptions } from '../../lib/eval/evaluation.js'
import { type EvalItem, promptItem, responseItem } from '../../lib/eval/item.js'
import type { Verdict } from '../../lib/eval/judged.js'
import type { EvalReport } from '../../lib/eval/report-data.js'
import type { Safety } from '../../lib/labels.js'

/** What Gen says with these probabilities of Unsafe and Controversial. */
export function gen(unsafe: number, controversial = 0, refusal: boolean | null = null): Verdict {
  const safe = 1 - unsafe - controversial
  const safety: Safety =
    unsafe >= Math.max(safe, controversial) ? 'Unsafe' : controversial > safe ? 'Controversial' : 'Safe'
  return {
    kind: 'gen',
    safety,
    categories: safety === 'Safe' ? [] : ['Violent'],
    refusal,
    text: `Safety: ${safety}\nCategories: ${safety === 'Safe' ? 'None' : 'Violent'}`,
    scores: {
      safety: { Safe: safe, Controversial: controversial, Unsafe: unsafe },
      strict: unsafe + controversial,
      loose: unsafe,
      categories: {},
      refusal: refusal === null ? null : refusal ? 1 : 0,
    },
    usage: {} as never,
  }
}

export const FAILED = { error: { code: 'ERR_TOO_LONG' } }

type Judgement = [item: EvalItem, outcome: Verdict | { error: { code: string } }]

/** Prompts with an F1 of 0.8, replies with one of 0.5, one prompt without a verdict. */
export const JUDGEMENTS: Judgement[] = [
  ...Array.from(
    { length: 4 },
    (_, i): Judgement => [
      promptItem(`How to harm ${i}?`, 'Unsafe', { categories: ['harm'], language: 'en' }),
      gen(0.9 - i / 50),
    ],
  ),
  [promptItem('How to harm more?', 'Unsafe', { categories: ['harm'], language: 'de' }), gen(0.1, 0.2)],
  [promptItem('How to bake?', 'Safe', { language: 'en' }), gen(0.6)],
  ...Array.from({ length: 4 }, (_, i): Judgement => [promptItem(`How to bake ${i}?`, 'Safe'), gen(0.02 * i)]),
  [promptItem('So long', 'Unsafe'), FAILED],
  [responseItem('How?', 'Thus.', 'Unsafe'), gen(0.8)],
  [responseItem('How?', 'So.', 'Unsafe'), gen(0.2)],
  [responseItem('How?', 'No.', 'Safe'), gen(0.7)],
  [responseItem('How?', 'Never.', 'Safe'), gen(0.1)],
]

export function evaluation(
  judgements: readonly Judgement[] = JUDGEMENTS,
  options: Partial<EvaluationOptions> = {},
) {
  const evaluation = new Evaluation(options)
  judgements.forEach(([item, outcome], i) => {
    evaluation.add({ file: 'made.jsonl', line: i + 1 }, 'generic', item, outcome)
  })
  return evaluation
}

/** The report of such judgements. */
export function report(judgements: readonly Judgement[] = JUDGEMENTS, model = 'made'): EvalReport {
  return {
    format: 'qwen3guard-eval/1',
    time: '2026-01-01T00:00:00.000Z',
    model: {
      model,
      kind: 'gen',
      name: 'Made',
      type: 'q8_0',
      bytes: 1_000_000,
      sha256: 'ab'.repeat(32),
      licence: 'apache-2.0',
      demonstration: false,
      device: 'CPU',
      versions: { qwen3guard: '0.1.0', llamaCpp: 'v0.5.0', node: '20.0.0', platform: 'linux-x64' },
    },
    data: [
      {
        file: 'made.jsonl',
        set: 'generic',
        title: 'rows of no public layout',
        licence: 'not stated',
        labels: 'as they are',
        rows: 14,
        texts: 15,
        skipped: { 'no label': 2 },
      },
    ],
    rows: 14,
    skipped: { 'no label': 2 },
    ...evaluation(judgements, { official: true }).figures(),
    settings: {
      seed: 1,
      caution: 'unsafe',
      policy: {},
      holdBack: 'token',
      tooLong: 'error',
      history: 'error',
    },
    speed: { seconds: 1.5, textsPerSecond: 10 },
    failures: [
      { file: 'made.jsonl', line: 11, code: 'ERR_TOO_LONG', message: 'the text has too many tokens' },
    ],
    published: [],
    benchmark: [],
    requirements: [],
  }
}
