import { nearestOf } from '../options.js'
import type { ColumnUse } from './column-names.js'
import { hasColumn } from './column-value.js'
import { InputError } from './input-error.js'
import { columnsOfTable, type ReadOptions } from './read-rows.js'
import type { Row } from './row.js'
import type { Source } from './sources.js'

/** What a column can be named for. */
export type NamedUse = ColumnUse | 'label' | 'helpfulness'

const USES: readonly NamedUse[] = ['prompt', 'response', 'messages', 'id', 'label', 'helpfulness']

/** Names of columns that are kept to find the nearest to a misspelt one. */
const MOST_NAMES = 200

/**
 * Whether the columns that flags name are there: of one that is misspelt nothing would be judged, or a prompt without
 * its reply. A table has to have them all; where rows differ, in JSON, some row has.
 */
export class NamedColumns {
  readonly #flags: [use: string, name: string][]
  /** Flags whose column no row has had yet. */
  readonly #missing: Map<string, string>
  readonly #names = new Set<string>()
  readonly #tables = new Set<string>()

  constructor(flags: Partial<Record<NamedUse, string>>) {
    this.#flags = USES.flatMap((use) => {
      const name = flags[use]
      return name === undefined ? [] : [[use, name] as [string, string]]
    })
    this.#missing = new Map(this.#flags)
  }

  /** Looks at the headers of tables, before anything is loaded for them. @throws InputError as `see` */
  async checkTables(sources: readonly Source[], options: ReadOptions): Promise<void> {
    if (this.#flags.length === 0) return
    for (const source of sources) {
      const columns = await columnsOfTable(source, options)
      if (columns === null) continue
      this.#tables.add(source.name)
      this.#requireAll(columns, source.name)
    }
  }

  /** Is told each row. @throws InputError for a table without a column that a flag names */
  see({ record, source, format }: Row): void {
    if (record === null) return
    for (const [use, name] of this.#missing) {
      if (hasColumn(record, name)) this.#missing.delete(use)
    }
    if (this.#missing.size > 0) this.#keepNames(record)
    if (format === 'jsonl' || format === 'json' || this.#tables.has(source)) return
    this.#tables.add(source)
    this.#requireAll(Object.keys(record), source)
  }

  #requireAll(columns: readonly string[], source: string): void {
    for (const [use, name] of this.#flags) {
      // Of a column's fields a header tells nothing: tables hold JSON too.
      const [column = name] = name.split('.')
      if (!columns.includes(name) && !columns.includes(column)) {
        throw new InputError(
          `${source === '-' ? 'stdin' : source} has no column ${wanted(use, name, columns)}`,
        )
      }
    }
  }

  /** All rows were seen. @throws InputError if none had a column that a flag names */
  requireSeen(): void {
    const [first] = this.#missing
    // Of no rows at all nothing is known.
    if (first === undefined || this.#names.size === 0) return
    throw new InputError(`no row has the column ${wanted(...first, [...this.#names])}`)
  }

  #keepNames(record: Readonly<Record<string, unknown>>): void {
    for (const name of Object.keys(record)) {
      if (this.#names.size >= MOST_NAMES) return
      this.#names.add(name)
    }
  }
}

function wanted(use: string, name: string, columns: readonly string[]): string {
  const nearest = nearestOf(name, columns)
  const hint =
    nearest === undefined ? `there is ${columns.slice(0, 12).join(', ')}` : `did you mean \`${nearest}\`?`
  return `\`${name}\`, which --${use}-column names: ${hint}`
}
