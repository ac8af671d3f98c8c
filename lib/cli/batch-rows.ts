import type { RowColumns } from '../data/columns.js'
import { InputError } from '../data/input-error.js'
import type { NamedColumns } from '../data/named-columns.js'
import type { Row } from '../data/row.js'
import { inOrder } from '../in-order.js'
import type { Policy } from '../index.js'
import { type CheckResult, judge, type LoadedGuard } from './judge.js'
import { outputRow } from './output-row.js'
import { type RowError, rowError } from './row-error.js'
import { type RewardFlags, rewardRow } from './row-reward.js'
import { isInShard, type Shard } from './shard.js'
import type { Tally } from './tally.js'
import type { Fit } from './too-long.js'
import { decide, pickFields, type VerdictField } from './verdict-fields.js'

export interface BatchOptions {
  /** Is told every row, those that are not judged among them. */
  named: NamedColumns
  fit: Fit
  fields: VerdictField[] | undefined
  /** Applied where it is there. */
  policy: Policy | undefined
  shard: Shard | undefined
  /** Rewards instead of verdicts, where it is there. */
  rewards: RewardFlags | undefined
  /** Rows of the shard that an earlier run has written. */
  skip: number
  /** Whether rows come from several files, which errors then name. */
  manySources: boolean
  nameRows: boolean
}

/** One row of the output. */
export interface OutputLine {
  /** JSON with its line break. */
  line: string
  failed: boolean
}

/** Judges rows in order, many at a time. */
export class BatchRows {
  /** Rows of the whole input, those of other shards and of earlier runs among them. */
  inputRows = 0
  readonly #loaded: LoadedGuard
  readonly #columns: RowColumns
  readonly #tally: Tally
  readonly #options: BatchOptions
  readonly #signal: AbortSignal

  constructor(
    loaded: LoadedGuard,
    columns: RowColumns,
    tally: Tally,
    options: BatchOptions,
    signal: AbortSignal,
  ) {
    this.#loaded = loaded
    this.#columns = columns
    this.#tally = tally
    this.#options = options
    this.#signal = signal
  }

  /**
   * One row out for each that is read.
   * @param began is called once before the first row that is judged
   * @throws InputError if there are fewer rows than an earlier run has written, and for a table without a column that a
   *   flag names
   */
  async *run(rows: AsyncIterable<Row>, began: () => void): AsyncGenerator<OutputLine> {
    const { maxSequences, openSequences } = this.#loaded.guard.stats()
    // Twice the free sequences: some rows wait in the guard's queue while a slow one holds up the order.
    const width = 2 * Math.max(1, maxSequences - openSequences)
    const judged = inOrder(
      this.#mine(rows, began),
      (row, signal) => this.#judge(row, signal),
      width,
      this.#signal,
    )
    for await (const { row, added, leftOut } of judged) {
      this.#tally.add(added)
      this.#tally.addLeftOut(leftOut)
      yield { line: `${outputRow(row, added)}\n`, failed: 'error' in added }
    }
  }

  /** The rows of the shard that are still to be judged. */
  async *#mine(rows: AsyncIterable<Row>, began: () => void): AsyncGenerator<Row> {
    const { shard, skip, named } = this.#options
    let mine = 0
    let begun = false
    for await (const row of rows) {
      const at = this.inputRows++
      named.see(row)
      if (shard && !isInShard(at, shard)) continue
      mine += 1
      if (mine <= skip) continue
      if (!begun) began()
      begun = true
      yield row
    }
    if (mine < skip) {
      throw new InputError(
        `the input has ${mine} rows, and the run that is gone on with has written ${skip}: it is another input. Delete what it left to begin again`,
      )
    }
  }

  async #judge(row: Row, signal: AbortSignal) {
    const leftOut: ReadonlySet<'media' | 'tool-call' | 'tool-result'> = new Set()
    try {
      if (row.record === null) throw new InputError(row.defect)
      const input = this.#columns.inputOf(row.record)
      const { fit, rewards, fields } = this.#options
      if (rewards) {
        const { verdict, reward } = await rewardRow(
          this.#loaded,
          input.messages,
          row.record,
          rewards,
          fit,
          signal,
        )
        return { row, added: { verdict: pickFields(verdict, fields), reward }, leftOut: input.leftOut }
      }
      const result = await judge(this.#loaded, input.messages, fit, signal)
      return { row, added: { verdict: this.#written(result) }, leftOut: input.leftOut }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      const reward = this.#options.rewards ? { reward: null } : {}
      return { row, added: { error: this.#error(error, row), ...reward }, leftOut }
    }
  }

  #written(result: CheckResult): object {
    const { policy, fields } = this.#options
    return pickFields(policy ? { ...result, ...decide(result, policy) } : result, fields)
  }

  #error(error: unknown, row: Row): RowError {
    return {
      ...rowError(error, row.number),
      ...(this.#options.manySources && { source: row.source }),
      ...(this.#options.nameRows && row.record !== null && { id: this.#columns.idOf(row.record) }),
    }
  }
}
