import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { GuardError } from '../errors.js'
import { engineMetrics, type StatsOf } from './engine-metrics.js'
import { HttpError } from './errors.js'
import type {
  CheckEnd,
  CheckStart,
  RequestEnd,
  RequestStart,
  ServerObserver,
  StreamEnd,
  StreamStart,
} from './observer.js'

/** Seconds. */
const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const CHECK_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Counts what the server does, in Prometheus' terms. One for each app: two apps in a process count by themselves. */
export class ServerMetrics implements ServerObserver {
  readonly #registry = new Registry()
  readonly #loop = monitorEventLoopDelay({ resolution: 20 })

  readonly #inWork = this.#gauge('requests_in_work', 'Requests whose response is not complete')
  readonly #requests = this.#counter('requests_total', 'Requests by route and status', [
    'route',
    'method',
    'status',
  ])
  readonly #requestSeconds = this.#histogram(
    'request_seconds',
    'From a request to the last byte of its response',
    REQUEST_SECONDS,
    ['route'],
  )
  readonly #verdicts = this.#counter('verdicts_total', 'Verdicts by severity and what the policy did', [
    'guard',
    'of',
    'severity',
    'action',
  ])
  readonly #categories = this.#counter(
    'verdict_categories_total',
    'Categories of verdicts that are not Safe',
    ['guard', 'of', 'category'],
  )
  readonly #unjudged = this.#counter('unjudged_total', 'Checks that ended without a verdict', [
    'guard',
    'of',
    'code',
  ])
  readonly #verdictSeconds = this.#histogram(
    'verdict_seconds',
    'From a check to its verdict, waiting included',
    CHECK_SECONDS,
    ['guard', 'of'],
  )
  readonly #checked = this.#counter(
    'checked_tokens_total',
    'Tokens of checked texts, those that needed no computing included',
    ['guard', 'of'],
  )
  readonly #streams = this.#counter(
    'streams_total',
    'Replies moderated while they were written, by how they ended',
    ['of', 'action'],
  )
  readonly #openStreams = this.#gauge('streams_open', 'Replies that are being moderated', ['of'])
  readonly #characters = this.#counter(
    'stream_characters_total',
    'Characters of replies: that came, and that were let out',
    ['of', 'direction'],
  )

  constructor(statsOf: StatsOf) {
    this.#loop.enable()
    engineMetrics(this.#registry, statsOf)
    this.#process()
  }

  /** What `GET /metrics` answers, and its content type. */
  async text(): Promise<{ body: string; type: string }> {
    return { body: await this.#registry.metrics(), type: this.#registry.contentType }
  }

  /** Names of all metrics, without the suffixes of histograms. */
  get names(): string[] {
    return this.#registry.getMetricsAsArray().map(({ name }) => name)
  }

  close(): void {
    this.#loop.disable()
    this.#registry.clear()
  }

  onRequest({ method }: RequestStart): (end: RequestEnd) => void {
    this.#inWork.inc()
    return ({ route, status, ms }) => {
      this.#inWork.dec()
      // Never a path or method as it came: each would be a series of its own.
      const known = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(method) ? method : 'other'
      this.#requests.inc({ route: route ?? 'none', method: known, status })
      this.#requestSeconds.observe({ route: route ?? 'none' }, ms / 1000)
    }
  }

  onCheck({ kind: guard, of }: CheckStart): (end: CheckEnd) => void {
    return (end) => {
      if ('error' in end) {
        this.#unjudged.inc({ guard, of, code: codeOf(end.error) })
        return
      }
      const { safety, categories, action, tokens, ms } = end
      this.#verdicts.inc({ guard, of, severity: safety, action })
      for (const category of categories) this.#categories.inc({ guard, of, category })
      this.#verdictSeconds.observe({ guard, of }, ms / 1000)
      this.#checked.inc({ guard, of }, tokens)
    }
  }

  onStream({ of }: StreamStart): (end: StreamEnd) => void {
    this.#openStreams.inc({ of })
    return ({ action, received, released }) => {
      this.#openStreams.dec({ of })
      this.#streams.inc({ of, action })
      this.#characters.inc({ of, direction: 'received' }, received)
      this.#characters.inc({ of, direction: 'released' }, released)
    }
  }

  #process(): void {
    const lag = this.#loop
    const gauge = new Gauge({
      name: 'qwen3guard_event_loop_lag_seconds',
      help: 'How late timers were since the last scrape',
      labelNames: ['quantile'],
      registers: [this.#registry],
      collect: () => {
        // The histogram counts from timer to timer, its resolution included.
        const late = (nanoseconds: number) =>
          Math.max(0, (Number.isFinite(nanoseconds) ? nanoseconds : 0) / 1e9 - 0.02)
        for (const quantile of [0.5, 0.99]) gauge.set({ quantile }, late(lag.percentile(100 * quantile)))
        gauge.set({ quantile: 1 }, late(lag.max))
        lag.reset()
      },
    })
    const memory: Gauge = new Gauge({
      name: 'qwen3guard_resident_memory_bytes',
      help: 'Memory of the process that is resident',
      registers: [this.#registry],
      collect: () => memory.set(process.memoryUsage.rss()),
    })
  }

  #counter<T extends string>(name: string, help: string, labelNames: T[]): Counter<T> {
    return new Counter({ name: `qwen3guard_${name}`, help, labelNames, registers: [this.#registry] })
  }

  #gauge<T extends string>(name: string, help: string, labelNames: T[] = []): Gauge<T> {
    return new Gauge({ name: `qwen3guard_${name}`, help, labelNames, registers: [this.#registry] })
  }

  #histogram<T extends string>(name: string, help: string, buckets: number[], labelNames: T[]): Histogram<T> {
    return new Histogram({
      name: `qwen3guard_${name}`,
      help,
      buckets,
      labelNames,
      registers: [this.#registry],
    })
  }
}

/** What a check failed with, in one word that comes from us: a series for each. */
function codeOf(error: unknown): string {
  if (GuardError.isGuardError(error)) return error.code
  if (error instanceof HttpError) return error.code ?? 'error'
  if (error instanceof TypeError || error instanceof RangeError) return 'invalid'
  return error instanceof Error && error.name === 'AbortError' ? 'aborted' : 'error'
}
