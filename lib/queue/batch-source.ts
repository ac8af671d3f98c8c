import { readRows } from '../data/read-rows.js'
import type { Row, RowFormat } from '../data/row.js'
import { jsonOf } from '../data/row-json.js'

/** Rows of a batch: names of files, as for `qwen3guard batch`, or rows themselves. */
export type BatchSource = string | readonly string[] | Iterable<object> | AsyncIterable<object>

/** Rows, and whether they come from several files. @throws InputError, the disk's error; TypeError */
export async function rowsOfSource(
  source: BatchSource,
  options: { format?: RowFormat; signal?: AbortSignal },
): Promise<{ rows: AsyncIterable<Row>; manySources: boolean }> {
  const names = namesOf(source)
  if (names) {
    const reader = await readRows(names, options)
    return { rows: reader, manySources: reader.sources.length > 1 }
  }
  return { rows: given(source as Iterable<object> | AsyncIterable<object>), manySources: false }
}

function namesOf(source: BatchSource): string[] | null {
  if (typeof source === 'string') return [source]
  if (!Array.isArray(source) || source.length === 0) return null
  return source.every((one) => typeof one === 'string') ? (source as string[]) : null
}

async function* given(source: Iterable<object> | AsyncIterable<object>): AsyncGenerator<Row> {
  if (
    typeof source !== 'object' ||
    source === null ||
    !(Symbol.iterator in source || Symbol.asyncIterator in source)
  ) {
    throw new TypeError(`Expected names of files, or rows, got ${String(source)}`)
  }
  let number = 0
  for await (const record of source as AsyncIterable<object>) {
    number += 1
    if (typeof record !== 'object' || record === null || Array.isArray(record)) {
      throw new TypeError(`Expected row ${number} to be an object, got ${jsonOf(record)}`)
    }
    const text = jsonOf(record)
    yield { number, source: 'rows', format: 'jsonl', record: JSON.parse(text), text, defect: null }
  }
}
