import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { fileWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer'
import { readLines } from './lines.js'
import { type Cell, type Column, Columns, cellsOf, type Spread, textOfCell } from './table-cells.js'

/** Rows, and bytes of their lines, of one row group of Parquet at most. */
const GROUP_ROWS = 20_000
const GROUP_BYTES = 16 << 20

/**
 * Writes rows that lie as JSONL in a file as a table. The file is read twice: what columns there are is known at its
 * end.
 *
 * @param spread members whose own members become columns
 * @throws the disk's error
 */
export async function writeTable(
  jsonl: string,
  out: string,
  format: 'csv' | 'tsv' | 'parquet',
  { spread, gzip, signal }: { spread: Spread; gzip: boolean; signal: AbortSignal },
): Promise<void> {
  const columns = new Columns()
  for await (const { cells } of rowsOf(jsonl, spread, signal)) columns.add(cells)
  if (format === 'parquet') await writeParquet(rowsOf(jsonl, spread, signal), columns.all, out)
  else await writeText(rowsOf(jsonl, spread, signal), columns.all, out, format === 'csv' ? ',' : '\t', gzip)
}

interface TableRow {
  cells: Map<string, Cell>
  bytes: number
}

async function* rowsOf(path: string, spread: Spread, signal: AbortSignal): AsyncGenerator<TableRow> {
  for await (const { content } of readLines(createReadStream(path))) {
    signal.throwIfAborted()
    const text = content.text ?? ''
    yield { cells: cellsOf(text, spread), bytes: text.length }
  }
}

async function writeText(
  rows: AsyncIterable<TableRow>,
  columns: readonly Column[],
  out: string,
  delimiter: string,
  gzip: boolean,
): Promise<void> {
  const file = createWriteStream(out)
  const target = gzip ? createGzip() : file
  if (target !== file) target.pipe(file)
  const done = finished(file)
  done.catch(() => {})
  const write = async (line: string) => {
    if (file.errored) throw file.errored
    if (!target.write(line)) await Promise.race([once(target, 'drain'), done])
  }
  await write(`${columns.map(({ name }) => quoted(name, delimiter)).join(delimiter)}\n`)
  for await (const { cells } of rows) {
    const fields = columns.map(({ name }) => {
      const cell = cells.get(name) ?? null
      return cell === null ? '' : quoted(textOfCell(cell), delimiter)
    })
    // A line without anything would be no row.
    await write(`${fields.join(delimiter) || '""'}\n`)
  }
  target.end()
  await done
}

/** An empty text is quoted, so that it is not taken for an empty cell. */
function quoted(text: string, delimiter: string): string {
  if (text !== '' && !/["\r\n]|^\s|\s$/.test(text) && !text.includes(delimiter)) return text
  return `"${text.replaceAll('"', '""')}"`
}

const PARQUET_TYPES = {
  boolean: 'BOOLEAN',
  integer: 'INT64',
  double: 'DOUBLE',
  json: 'JSON',
  string: 'STRING',
} as const

async function writeParquet(
  rows: AsyncIterable<TableRow>,
  columns: readonly Column[],
  out: string,
): Promise<void> {
  const types = columns.map(({ kind }) => PARQUET_TYPES[kind ?? 'string'])
  const source = (data: unknown[][]) =>
    columns.map(({ name }, at) => ({ name, data: data[at] as unknown[], type: types[at] as 'STRING' }))
  const schema = schemaFromColumnData({ columnData: source(columns.map(() => [])) })
  const writer = new ParquetWriter({ writer: fileWriter(out), schema, createdBy: 'qwen3guard' })
  let data: unknown[][] = columns.map(() => [])
  let [count, bytes] = [0, 0]
  const flush = async () => {
    if (count === 0) return
    const columnData = source(data).map(({ name, data }) => ({ name, data }))
    await writer.write({ columnData, rowGroupSize: count })
    data = columns.map(() => [])
    count = 0
    bytes = 0
  }
  for await (const row of rows) {
    for (const [at, { name, kind }] of columns.entries()) {
      data[at]?.push(parquetValue(row.cells.get(name) ?? null, kind))
    }
    count += 1
    bytes += row.bytes
    if (count >= GROUP_ROWS || bytes >= GROUP_BYTES) await flush()
  }
  await flush()
  await writer.finish()
}

function parquetValue(cell: Cell, kind: Column['kind']): unknown {
  if (cell === null) return null
  if (kind === 'integer') return BigInt(cell as number | bigint)
  if (kind === 'double') return Number(cell)
  if (kind === 'boolean') return cell
  if (kind === 'json') return JSON.parse((cell as { json: string }).json) as unknown
  return textOfCell(cell)
}
