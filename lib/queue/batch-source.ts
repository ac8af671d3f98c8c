import { readRows } from '../data/read-rows.js'
import type { Row, RowFormat } from '../data/row.js'
import { jsonOf } from '../data/row-json.js'
import { shown } from '../message-parts.js'

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

function namesOf(source: unknown): string[] | null {
  if (typeof source === 'string') return [source]
  if (!Array.isArray(source) || typeof source[0] !== 'string') return null
  const names: string[] = []
  // Not `every`, which looks at four billion places of a list that is empty but long.
  for (const one of source as unknown[]) {
    if (typeof one !== 'string') return null
    names.push(one)
  }
  return names
}

async function* given(source: Iterable<object> | AsyncIterable<object>): AsyncGenerator<Row> {
  if (
    typeof source !== 'object' ||
    source === null ||
    !(Symbol.iterator in source || Symbol.asyncIterator in source)
  ) {
    throw new TypeError(`Expected names of files, or rows, got ${shown(source)}`)
  }
  let number = 0
  for await (const record of source as AsyncIterable<object>) {
    number += 1
    const text = textOf(record, number)
    yield { number, source: 'rows', format: 'jsonl', record: JSON.parse(text), text, defect: null }
  }
}

/** A row as JSON. @throws TypeError also where a getter or a proxy of the caller's throws anything */
function textOf(record: unknown, number: number): string {
  try {
    if (typeof record === 'object' && record !== null && !Array.isArray(record)) return jsonOf(record)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TypeError(`Row ${number} cannot be read: ${reason}`, { cause })
  }
  throw new TypeError(`Expected row ${number} to be an object, got ${shown(record)}`)
}
