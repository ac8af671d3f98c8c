import type { RowColumns } from '../data/columns.js'
import { InputError } from '../data/input-error.js'
import type { Row } from '../data/row.js'
import type { Policy } from '../index.js'
import type { LeftOut } from '../message-parts.js'
import type { Fit } from './fit.js'
import { type CheckResult, judge, type LoadedGuard } from './judge.js'
import { type Added, outputRow } from './output-row.js'
import { reproducible } from './reproducible.js'
import { type RowError, rowError } from './row-error.js'
import { type RewardFlags, rewardRow } from './row-reward.js'
import { withinTime } from './row-time.js'
import { decide, pickFields, type VerdictField } from './verdict-fields.js'

/** What is done about each row: all that its output depends on, but the row and the guard. */
export interface RowHandling {
  fit: Fit
  fields: VerdictField[] | undefined
  /** Applied where it is there. */
  policy: Policy | undefined
  /** Rewards instead of verdicts, where it is there. */
  rewards: RewardFlags | undefined
  /** Whether rows come from several files, which errors then name. */
  manySources: boolean
  /** Milliseconds that a row may take, its waiting for others included; without it, as long as it takes. */
  rowTimeoutMs?: number
  nameRows: boolean
}

/** A row that was judged, or could not be. */
export interface JudgedRow {
  /** JSON with its line break. */
  line: string
  added: Added
  leftOut: ReadonlySet<LeftOut>
}

const NOTHING: ReadonlySet<LeftOut> = new Set()

/** Makes a line of the output of a row: here, and the same in a worker of a queue. */
export class RowJudge {
  readonly #loaded: LoadedGuard
  readonly #columns: RowColumns
  readonly #options: RowHandling

  constructor(loaded: LoadedGuard, columns: RowColumns, options: RowHandling) {
    this.#loaded = loaded
    this.#columns = columns
    this.#options = options
  }

  /** Rows to have in work at a time: twice the free sequences, so that a slow one holds up the order and not the engine. */
  get width(): number {
    const { maxSequences, openSequences } = this.#loaded.guard.stats()
    return 2 * Math.max(1, maxSequences - openSequences)
  }

  /** What becomes of the row; one that cannot be judged gets an error. @throws `signal.reason` alone */
  async judge(row: Row, signal: AbortSignal): Promise<JudgedRow> {
    try {
      if (row.record === null) throw new InputError(row.defect)
      const input = this.#columns.inputOf(row.record)
      const { messages, leftOut } = input
      const { record } = row
      const work = (signal: AbortSignal) => this.#added(messages, record, signal)
      return judged(row, await withinTime(this.#options.rowTimeoutMs, signal, work), leftOut)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      return this.failed(row, error)
    }
  }

  /** The output of a row that was not judged. */
  failed(row: Row, error: unknown): JudgedRow {
    const reward = this.#options.rewards ? { reward: null } : {}
    return judged(row, { error: this.#error(error, row), ...reward }, NOTHING)
  }

  async #added(
    messages: ReturnType<RowColumns['inputOf']>['messages'],
    record: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<Added> {
    const { fit, rewards, fields } = this.#options
    if (rewards) {
      const { verdict, reward } = await rewardRow(this.#loaded, messages, record, rewards, fit, signal)
      return { verdict: pickFields(reproducible(verdict), fields), reward }
    }
    return { verdict: this.#written(await judge(this.#loaded, messages, fit, signal)) }
  }

  #written(result: CheckResult): object {
    const { policy, fields } = this.#options
    const written = reproducible(result)
    return pickFields(policy ? { ...written, ...decide(result, policy) } : written, fields)
  }

  #error(error: unknown, row: Row): RowError {
    return {
      ...rowError(error, row.number),
      ...(this.#options.manySources && { source: row.source }),
      ...(this.#options.nameRows && row.record !== null && { id: this.#columns.idOf(row.record) }),
    }
  }
}

function judged(row: Row, added: Added, leftOut: ReadonlySet<LeftOut>): JudgedRow {
  return { line: `${outputRow(row, added)}\n`, added, leftOut }
}
