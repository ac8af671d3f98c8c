import type { EvaluationFigures } from './evaluation.js'
import type { DataIdentity, ModelIdentity } from './identity.js'
import { READINGS } from './metrics.js'

/** What figures must share to be comparable, under any-guardrail's keys. */
export interface ComparisonCohort {
  dataset: string
  dataset_revision: string | null
  split: string | null
  label_mapping: string
  metric: string
  metric_impl: string
  threshold_policy: string
  harness: string
  aggregation: string
}

/** One figure, under any-guardrail's keys. A missing one is null, never 0. */
export interface BenchmarkResult {
  guardrail: string
  category: 'prompt' | 'response' | 'refusal'
  value: number | null
  cohort: ComparisonCohort
  source: { kind: 'measured'; url: string | null; harness_version: string }
  contamination: string | null
  notes: string | null
}

const METRICS = ['f1', 'precision', 'recall', 'fpr'] as const

/** F1, precision, recall and, beside them always, the rate of false alarms, of everything that was judged. */
export function benchmarkResults(
  model: Pick<ModelIdentity, 'model' | 'versions'>,
  data: readonly DataIdentity[],
  figures: EvaluationFigures,
): BenchmarkResult[] {
  const sets = [...new Set(data.map(({ set }) => set))].join(' + ')
  const results: BenchmarkResult[] = []
  for (const category of ['prompt', 'response', 'refusal'] as const) {
    const part = figures[category]
    if (part === null) continue
    for (const reading of category === 'refusal' ? (['strict'] as const) : READINGS) {
      for (const metric of METRICS) {
        results.push({
          guardrail: model.model,
          category,
          value: part[reading][metric],
          cohort: {
            dataset: sets,
            // Files are given by path: what revision they are of is not known.
            dataset_revision: null,
            split: null,
            label_mapping: [...new Set(data.map(({ labels }) => labels))].join('; '),
            metric,
            metric_impl: 'qwen3guard eval',
            threshold_policy: category === 'refusal' ? 'likeliest label' : `likeliest label, ${reading}`,
            harness: 'qwen3guard',
            aggregation: 'micro',
          },
          source: { kind: 'measured', url: null, harness_version: model.versions.qwen3guard },
          contamination: null,
          notes:
            part.unjudged > 0 ? `${part.unjudged} of ${part.n} were not judged and are in no figure` : null,
        })
      }
    }
  }
  return results
}
