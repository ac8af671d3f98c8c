import type { EvaluationFigures } from './evaluation.js'
import type { DataIdentity, ModelIdentity } from './identity.js'

/** A figure of the technical report beside what was measured. Both from 0 to 1. */
export interface PublishedFigure {
  figure: string
  published: number
  measured: number | null
  source: string
}

const SOURCE = 'arXiv 2510.14276; weights in bf16, the official scripts'

type Sizes = Record<string, number>

/** Hits, and detections within 128 tokens, on the located splits, which are known by their number of replies. */
const LOCATED: { replies: number; split: string; hit: Sizes | null; within128: Sizes }[] = [
  {
    replies: 813,
    split: 'response_loc',
    hit: { '0.6b': 0.835, '4b': 0.86, '8b': 0.854 },
    within128: { '0.6b': 0.904, '4b': 0.937, '8b': 0.921 },
  },
  { replies: 569, split: 'thinking_loc', hit: null, within128: { '0.6b': 0.784, '4b': 0.668, '8b': 0.647 } },
]

/** Refusal F1 of Gen, by data set. */
const REFUSAL: Record<string, Sizes> = { xstest: { '0.6b': 0.933 }, wildguard: { '0.6b': 0.894 } }

/** The published figures of exactly this model on exactly this set; mostly there are none. */
export function publishedFigures(
  model: Pick<ModelIdentity, 'kind' | 'name' | 'demonstration'>,
  data: readonly Pick<DataIdentity, 'set'>[],
  figures: Pick<EvaluationFigures, 'latency' | 'refusal'>,
): PublishedFigure[] {
  const size = /^qwen3guard-(?:gen|stream)-(0\.6b|4b|8b)$/i.exec(
    (model.name ?? '').replace(/[ _]/g, '-'),
  )?.[1]
  const sets = new Set(data.map(({ set }) => set))
  if (size === undefined || model.demonstration || sets.size !== 1) return []
  const key = size.toLowerCase()
  const [set] = [...sets] as [string]
  if (model.kind === 'gen') {
    const published = REFUSAL[set]?.[key]
    if (published === undefined || figures.refusal === null) return []
    return [{ figure: 'refusal F1', published, measured: figures.refusal.strict.f1, source: SOURCE }]
  }
  const latency = figures.latency?.strict
  const unusable = Object.values(figures.latency?.unusable ?? {}).reduce((sum, n) => sum + n, 0)
  const split = LOCATED.find(({ replies }) => latency && latency.n + unusable === replies)
  if (set !== 'qwen3guard-test' || !latency || split === undefined) return []
  const rows: PublishedFigure[] = []
  const [hit, within128] = [split.hit?.[key], split.within128[key]]
  if (hit !== undefined) {
    const measured = latency.n === 0 ? null : latency.bins.hit / latency.n
    rows.push({ figure: `exact hit (${split.split})`, published: hit, measured, source: SOURCE })
  }
  if (within128 !== undefined) {
    const measured = latency.within128.withAhead.share
    rows.push({
      figure: `within 128 tokens (${split.split})`,
      published: within128,
      measured,
      source: SOURCE,
    })
  }
  return rows
}
