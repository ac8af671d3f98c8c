import { isObject } from '../data/row.js'
import { SAFETIES, type Safety, worstOf } from '../labels.js'
import type { LeftOut } from '../message-parts.js'
import { count, percent } from './display.js'

/** Adds up what became of rows; from what is written, so that a run that goes on counts what was before. */
export class Tally {
  rows = 0
  failed = 0
  worst: Safety | null = null
  readonly #severities: Record<Safety, number> = { Safe: 0, Controversial: 0, Unsafe: 0 }
  readonly #categories = new Map<string, number>()
  readonly #errors = new Map<string, number>()
  readonly #actions = new Map<string, number>()
  readonly #leftOut = new Map<LeftOut, number>()
  #refusals = 0
  #replies = 0

  /** Adds what is written of one row, whole or in the fields that were asked for. */
  add(written: { verdict?: unknown; error?: unknown }): void {
    this.rows += 1
    const { verdict, error } = written
    if (!isObject(verdict)) {
      this.failed += 1
      add(this.#errors, isObject(error) ? String(error.code) : 'ERR_UNEXPECTED')
      return
    }
    const parts = [verdict, verdict.prompt, verdict.reply].filter(isObject)
    const severities = parts
      .map(({ safety }) => safety)
      .filter((safety): safety is Safety => isSafety(safety))
    const severity = severities.length > 0 ? worstOf(...(severities as [Safety, ...Safety[]])) : null
    if (severity !== null) {
      this.#severities[severity] += 1
      this.worst = this.worst === null ? severity : worstOf(this.worst, severity)
    }
    for (const category of new Set(parts.flatMap(categoriesOf))) add(this.#categories, category)
    if (typeof verdict.refusal === 'boolean') {
      this.#replies += 1
      if (verdict.refusal) this.#refusals += 1
    }
    if (typeof verdict.action === 'string') add(this.#actions, verdict.action)
  }

  addLeftOut(kinds: ReadonlySet<LeftOut>): void {
    for (const kind of kinds) add(this.#leftOut, kind)
  }

  /** `120 Safe, 3 Controversial, 1 Unsafe, 0 failed` */
  get counts(): string {
    const severities = SAFETIES.map((safety) => `${this.#severities[safety]} ${safety}`)
    return [...order(severities), `${this.failed} failed`].join(', ')
  }

  summary(blank: number): string {
    return `rows: ${this.rows} (${this.counts}); blank lines skipped: ${blank}`
  }

  /** More of it, in lines. */
  table(run: { judged: number; ms: number; tokens: number }): string[] {
    const share = (part: number) => (this.rows > 0 ? percent(part / this.rows) : '-')
    const width = count(this.rows).length
    const line = (name: string, value: number) =>
      `  ${name.padEnd(13)}  ${count(value).padStart(width)}  ${share(value).padStart(6)}`
    const lines = [
      line('Safe', this.#severities.Safe),
      line('Controversial', this.#severities.Controversial),
      line('Unsafe', this.#severities.Unsafe),
      line('failed', this.failed),
    ]
    const list = (counts: ReadonlyMap<string, number>) =>
      [...counts]
        .sort((a, b) => b[1] - a[1])
        .map(([name, value]) => `${name} ${count(value)}`)
        .join(', ')
    if (this.#errors.size > 0) lines.push(`  errors: ${list(this.#errors)}`)
    if (this.#categories.size > 0) lines.push(`  categories: ${list(this.#categories)}`)
    if (this.#replies > 0)
      lines.push(`  refusals: ${count(this.#refusals)} of ${count(this.#replies)} replies`)
    if (this.#actions.size > 0) lines.push(`  actions: ${list(this.#actions)}`)
    if (this.#leftOut.size > 0) {
      lines.push(
        `  not judged beside the text, by rows: ${list(this.#leftOut)} (--unsupported-parts error refuses media)`,
      )
    }
    const seconds = Math.max(run.ms, 1) / 1000
    lines.push(
      `  ${seconds.toFixed(1)} s, ${(run.judged / seconds).toFixed(1)} rows a second, ${count(run.tokens)} tokens decoded`,
    )
    return lines
  }
}

function order(severities: string[]): string[] {
  return ['Safe', 'Controversial', 'Unsafe'].map(
    (name) => severities.find((one) => one.endsWith(` ${name}`)) ?? '',
  )
}

function isSafety(value: unknown): value is Safety {
  return SAFETIES.includes(value as Safety)
}

/** Of Gen a list; of Stream the likeliest, and none where it is Safe. */
function categoriesOf({ category, categories }: Record<string, unknown>): string[] {
  if (Array.isArray(categories)) return categories.map(String)
  return typeof category === 'string' ? [category] : []
}

function add<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
