import { Counter, Gauge, Histogram, type MetricType, type Registry } from 'prom-client'
import type { GuardStats } from '../types.js'

type Guard = 'gen' | 'stream'

/** What each guard says of itself; null while it is not loaded, and where the server has none. */
export type StatsOf = Record<Guard, () => GuardStats | null>

const GAUGES: readonly [name: string, help: string, take: (stats: GuardStats) => number][] = [
  ['queued', 'Checks that wait for a sequence', ({ queued }) => queued],
  [
    'longest_wait_seconds',
    'How long the first of them has waited',
    ({ longestWaitMs }) => longestWaitMs / 1000,
  ],
  ['sequences_open', 'Sequences in use', ({ openSequences }) => openSequences],
  ['sequences_most', 'Sequences there are', ({ maxSequences }) => maxSequences],
  ['cells_used', 'Positions of the KV cache in use', ({ cellsUsed }) => cellsUsed],
  ['cells_free', 'Positions of the KV cache that are free', ({ cellsFree }) => cellsFree],
  [
    'tokens_per_second',
    'Tokens a second over the time spent decoding since load',
    (stats) => stats.tokensPerSecond,
  ],
]

/** Registers what the guards count by themselves: they are asked at each scrape. */
export function engineMetrics(registry: Registry, statsOf: StatsOf): void {
  const loaded = (): [Guard, GuardStats][] =>
    (Object.keys(statsOf) as Guard[]).flatMap((guard) => {
      const stats = statsOf[guard]()
      return stats ? [[guard, stats]] : []
    })
  const common = { labelNames: ['guard'] as const, registers: [registry] }
  for (const [name, help, take] of GAUGES) {
    const gauge: Gauge<'guard'> = new Gauge({
      ...common,
      name: `qwen3guard_${name}`,
      help,
      collect: () => {
        for (const [guard, stats] of loaded()) gauge.set({ guard }, take(stats))
      },
    })
  }
  const decoded: Counter<'guard'> = new Counter({
    ...common,
    name: 'qwen3guard_decoded_tokens_total',
    help: 'Tokens decoded since load',
    collect: () => {
      decoded.reset()
      for (const [guard, { tokensDecoded }] of loaded()) decoded.inc({ guard }, tokensDecoded)
    },
  })
  registry.registerMetric(new TickSeconds(loaded))
}

const NAME = 'qwen3guard_tick_seconds'
const HELP = 'Decodes by the time they took; each serves many texts'

/** Times of the engines' decodes, which their threads count: nothing is observed here. */
class TickSeconds extends Histogram<'guard'> {
  readonly #loaded: () => [Guard, GuardStats][]

  constructor(loaded: () => [Guard, GuardStats][]) {
    super({
      name: NAME,
      help: HELP,
      labelNames: ['guard'],
      registers: [],
    })
    this.#loaded = loaded
  }

  override get() {
    const values = this.#loaded().flatMap(tickValues)
    // At run time a type is its name.
    const type = 'histogram' as unknown as MetricType
    const aggregator = 'sum' as const
    return Promise.resolve({ name: NAME, help: HELP, type, aggregator, collect: () => {}, values })
  }

  /** As `get`, for the text. */
  getForPromString() {
    return this.get()
  }
}

function tickValues([guard, { tickTimes }]: [Guard, GuardStats]) {
  const { upToMs, counts, totalMs } = tickTimes
  let below = 0
  const buckets = counts.map((count, i) => {
    below += count
    const end = upToMs[i]
    return {
      metricName: `${NAME}_bucket`,
      labels: { le: end === undefined ? '+Inf' : end / 1000, guard },
      value: below,
    }
  })
  return [
    ...buckets,
    { metricName: `${NAME}_sum`, labels: { guard }, value: totalMs / 1000 },
    { metricName: `${NAME}_count`, labels: { guard }, value: below },
  ]
}
