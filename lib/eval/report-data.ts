import type { BenchmarkResult } from './benchmark-results.js'
import type { EvaluationFigures } from './evaluation.js'
import type { DataIdentity, ModelIdentity } from './identity.js'
import type { Caution } from './item.js'
import type { PublishedFigure } from './published.js'

/** What `eval --json` writes: all figures, and no text. Missing is null, never 0. */
export interface EvalReport extends EvaluationFigures {
  format: 'qwen3guard-eval/1'
  /** ISO 8601. */
  time: string
  model: ModelIdentity
  data: DataIdentity[]
  rows: number
  skipped: Record<string, number>
  settings: {
    seed: number
    caution: Caution
    policy: object
    holdBack: string | number
    /** What became of texts that are longer than the context. */
    tooLong: string
    history: string
  }
  speed: { seconds: number; textsPerSecond: number | null }
  /** The first texts that could not be judged. */
  failures: { file: string; line: number; code: string; message: string }[]
  published: PublishedFigure[]
  benchmark: BenchmarkResult[]
  requirements: { expression: string; value: number | null; met: boolean; why: string }[]
}
