import { InputError } from '../data/input-error.js'
import { NamedColumns } from '../data/named-columns.js'
import { type ReadOptions as RowOptions, type RowReader, readRows } from '../data/read-rows.js'
import { ROW_FORMATS, type Row, type RowFormat } from '../data/row.js'
import type { DataIdentity } from '../eval/identity.js'
import { type DataSet, type EvalItem, isLabelledUnsafe, type ReadOptions } from '../eval/item.js'
import { repliesByBehaviour } from '../eval/sets/harmbench.js'
import { DATA_SETS, dataSetNamed, recognise } from '../eval/sets/index.js'

/** One labelled text, and where it stands. */
export interface FoundItem {
  item: EvalItem
  file: string
  line: number
  /** The data set and, where it names them, its part; of rows of one's own what they call it. */
  source: string
}

/** What `--format` says: a data set's layout, a format of rows, or both. */
export interface Formats {
  set: DataSet | undefined
  rows: RowFormat | undefined
}

/** @throws InputError for a name that is neither */
export function readFormats(names: readonly string[]): Formats {
  const formats: Formats = { set: undefined, rows: undefined }
  for (const name of names) {
    const set = dataSetNamed(name)
    if (set !== undefined) formats.set = set
    else if ((ROW_FORMATS as readonly string[]).includes(name)) formats.rows = name as RowFormat
    else {
      const sets = DATA_SETS.map((one) => one.name).join(', ')
      throw new InputError(
        `there is no format ${JSON.stringify(name)}: give a layout (${sets}), or what the file is (${ROW_FORMATS.join(', ')})`,
      )
    }
  }
  return formats
}

/** The row; or, of a file that is one object of lists, the rows that it holds, numbered from 1. */
function rowsIn(row: Row): Row[] {
  const within = row.record === null ? null : repliesByBehaviour(row.record)
  if (within === null) return [row]
  return within.map((record, at) => ({
    ...row,
    record: { ...record },
    text: null,
    defect: null,
    number: at + 1,
  }))
}

/** Reasons may show what a row holds, and so be as many as rows. */
const MOST_REASONS = 50

/** Labelled texts of files, in their order, and what was left out of them. */
export class LabelledData {
  readonly reader: RowReader
  readonly identities = new Map<string, DataIdentity>()
  rows = 0
  readonly #formats: Formats
  readonly #options: ReadOptions
  readonly #named: NamedColumns
  readonly #note: (text: string) => void
  readonly #sets = new Map<string, { set: DataSet; options: ReadOptions }>()

  private constructor(
    reader: RowReader,
    formats: Formats,
    options: ReadOptions,
    named: NamedColumns,
    note: (text: string) => void,
  ) {
    this.#named = named
    this.reader = reader
    this.#formats = formats
    this.#options = options
    this.#note = note
  }

  /** @throws InputError for files that hold no rows, or not the columns that flags name; the disk's error */
  static async open(
    names: readonly string[],
    formats: Formats,
    options: ReadOptions,
    signal: AbortSignal,
    note: (text: string) => void,
  ): Promise<LabelledData> {
    const { rows, set } = formats
    if (set !== undefined && set.name !== 'generic' && Object.keys(options.columns).length > 0) {
      const flags = Object.keys(options.columns).map(
        (use) => `--${use === 'noResponse' ? 'response' : use}-column`,
      )
      throw new InputError(
        `--format ${set.name} knows its columns: leave out ${flags.join(', ')}, or --format ${set.name}`,
      )
    }
    const rowOptions: RowOptions = { signal, ...(rows !== undefined && { format: rows }) }
    const reader = await readRows(names, { ...rowOptions, onNote: note })
    const named = new NamedColumns(options.columns)
    await named.checkTables(reader.sources, rowOptions)
    return new LabelledData(reader, formats, options, named, note)
  }

  async *items(): AsyncGenerator<FoundItem, void, undefined> {
    for await (const found of this.reader) {
      for (const row of rowsIn(found)) {
        this.rows += 1
        this.#named.see(row)
        yield* this.#itemsOf(row)
      }
    }
  }

  /** The rows that are wanted were read. @throws InputError if none had a column that a flag names */
  requireNamedColumns(): void {
    this.#named.requireSeen()
  }

  *#itemsOf(row: Row): Generator<FoundItem> {
    const file = row.source === '-' ? 'stdin' : row.source
    if (row.record === null) {
      this.#skip(this.#identity(file, this.#formats.set ?? recognise([])), 'the row cannot be read')
      return
    }
    let known = this.#sets.get(file)
    if (known === undefined) {
      known = this.#recognise(file, row.record)
      this.#sets.set(file, known)
    }
    const identity = this.#identity(file, known.set)
    identity.rows += 1
    for (const reading of known.set.read(row.record, known.options)) {
      if ('skip' in reading) {
        this.#skip(identity, reading.skip)
        continue
      }
      const item = reading
      if (item.label !== null && isLabelledUnsafe(item.label, this.#options.caution) === null) {
        this.#skip(identity, `labelled ${item.label}`)
        if (item.refusal === null) continue
        item.label = null
      }
      identity.texts += 1
      const { name } = known.set
      const part = name === 'generic' ? item.source : item.source && `${name}: ${item.source}`
      const source = part ?? name
      yield { item, file, line: row.number, source }
    }
  }

  #recognise(
    file: string,
    record: Readonly<Record<string, unknown>>,
  ): { set: DataSet; options: ReadOptions } {
    const columns = Object.keys(record)
    // Whoever names columns knows better than their names; a layout has its own.
    const named = Object.keys(this.#options.columns).length > 0
    const set = this.#formats.set ?? recognise(named ? [] : columns)
    if (this.#formats.set === undefined && set.name !== 'generic') {
      this.#note(
        `${file}: read as ${set.title}, by its columns (--format generic, or another, says otherwise)`,
      )
    }
    // Of its own for each file: what is guessed of one says nothing of another.
    return { set, options: { ...this.#options, onNote: (note) => this.#note(`${file}: ${note}`) } }
  }

  #identity(file: string, set: DataSet): DataIdentity {
    let identity = this.identities.get(file)
    if (identity === undefined) {
      const { name, title, licence } = set
      const labels = set.labels(this.#options)
      identity = { file, set: name, title, licence, labels, rows: 0, texts: 0, skipped: {} }
      this.identities.set(file, identity)
    }
    return identity
  }

  #skip({ skipped }: DataIdentity, reason: string): void {
    const known = Object.hasOwn(skipped, reason) || Object.keys(skipped).length < MOST_REASONS
    const counted = known ? reason : 'other reasons'
    skipped[counted] = (skipped[counted] ?? 0) + 1
  }
}
