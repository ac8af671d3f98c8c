/** How rows are laid out. `json`: an array of objects, or objects one after the other, over lines as they like. */
export type RowFormat = 'jsonl' | 'json' | 'csv' | 'tsv' | 'parquet'

export const ROW_FORMATS: readonly RowFormat[] = ['jsonl', 'json', 'csv', 'tsv', 'parquet']

/** One row of an input, in the order of the inputs. */
export type Row = {
  /** The line where it begins, from 1; in Parquet the number of the row, from 1. */
  number: number
  /** The file as it was given, or `-`. */
  source: string
  format: RowFormat
} & (SoundRow | DefectiveRow)

export interface SoundRow {
  /**
   * Columns by name. In CSV and TSV all values are strings, or null for an empty cell without quotes; in Parquet
   * large integers are bigints, times Dates and bytes Uint8Arrays.
   */
  record: Record<string, unknown>
  /** The JSON object as it was spelled; null where the format has no such text. */
  text: string | null
  defect: null
}

/** What stands where a row should be, and is none. Reading goes on after it. */
export interface DefectiveRow {
  record: null
  /** As much of it as can be shown. */
  text: string | null
  /** What was expected and what came. */
  defect: string
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
