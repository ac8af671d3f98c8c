import type { RowJudge } from '../batch/row-judge.js'
import { InputError } from '../data/input-error.js'
import type { NamedColumns } from '../data/named-columns.js'
import type { Row } from '../data/row.js'
import { inOrder } from '../in-order.js'
import { isInShard, type Shard } from './shard.js'
import type { Tally } from './tally.js'

export interface BatchOptions {
  /** Is told every row, those that are not judged among them. */
  named: NamedColumns
  shard: Shard | undefined
  /** Rows of the shard that an earlier run has written. */
  skip: number
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
  readonly #judge: RowJudge
  readonly #tally: Tally
  readonly #options: BatchOptions
  readonly #signal: AbortSignal

  constructor(judge: RowJudge, tally: Tally, options: BatchOptions, signal: AbortSignal) {
    this.#judge = judge
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
    const judged = inOrder(
      this.#mine(rows, began),
      (row, signal) => this.#judge.judge(row, signal),
      this.#judge.width,
      this.#signal,
    )
    for await (const { line, added, leftOut } of judged) {
      this.#tally.add(added)
      this.#tally.addLeftOut(leftOut)
      yield { line, failed: 'error' in added }
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
}
