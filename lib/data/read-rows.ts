import { createReadStream } from 'node:fs'
import { addAbortSignal, type Readable } from 'node:stream'
import { readTable } from './csv.js'
import { utf8Bytes } from './encoding.js'
import { formatOfName, hasFirstLine, headerOf, looksOf, refuseForeign } from './format.js'
import { InputError } from './input-error.js'
import { jsonRow } from './json-row.js'
import { readJsonValues } from './json-values.js'
import { type RowText, readLines } from './lines.js'
import { parquetColumns, readParquet, readParquetStream } from './parquet.js'
import type { DefectiveRow, Row, RowFormat, SoundRow } from './row.js'
import { findSources, type Source } from './sources.js'
import { peek, unpack } from './unpack.js'

export interface ReadOptions {
  /** The format of all inputs. Default: what their names or their beginnings say. */
  format?: RowFormat
  signal?: AbortSignal
  /** Told what a file is read as where its name says something else. */
  onNote?(note: string): void
}

/**
 * Rows of files in JSONL, JSON, CSV, TSV and Parquet, one file after the other; gzip and Zstandard are unpacked, UTF-16
 * with a byte order mark is converted. `-` is stdin; patterns such as `data/*.csv` are expanded. Memory stays bounded:
 * a row may have 16 MiB, and Parquet is decoded in the row groups it was written in.
 *
 * Files are looked at before this returns, so that nothing is loaded for a file that holds no rows.
 *
 * @throws InputError that names the format and the flag for what cannot be read; the disk's error
 */
export async function readRows(names: readonly string[], options: ReadOptions = {}): Promise<RowReader> {
  const sources = await findSources(names)
  for (const source of sources) {
    // What can be read once only is looked at when its rows are.
    if (source.size === null) continue
    const { close } = await open(source, options, () => {})
    close()
  }
  return new RowReader(sources, options)
}

/**
 * Names of a table's columns, before its rows are read. Null where they are not known by then: of JSON, of what can be read
 * once only, of Parquet that is packed, and of a table without a sound row.
 *
 * @throws InputError for what cannot be read; the disk's error
 */
export async function columnsOfTable(source: Source, options: ReadOptions): Promise<string[] | null> {
  if (source.size === null) return null
  const { format, all, isParquetFile, close } = await open(source, options, () => {})
  try {
    if (isParquetFile) return await parquetColumns(source.name, source.name)
    if (format !== 'csv' && format !== 'tsv') return null
    for await (const { record } of readTable(all, format, source.name)) return record && Object.keys(record)
    return null
  } finally {
    close()
  }
}

/** Rows, once. */
export class RowReader implements AsyncIterable<Row> {
  readonly sources: readonly Source[]
  /** Bytes of all sources, as they are packed; null where that is not known. */
  readonly bytes: number | null
  /** Of these bytes those that were read: somewhat ahead of the rows that were taken. */
  bytesRead = 0
  /** Lines of JSONL without anything, which are no rows. */
  blankLines = 0
  readonly #options: ReadOptions

  constructor(sources: readonly Source[], options: ReadOptions) {
    this.sources = sources
    this.#options = options
    this.bytes = sources.reduce<number | null>(
      (sum, { size }) => (sum === null || size === null ? null : sum + size),
      0,
    )
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Row, void, undefined> {
    let before = 0
    for (const source of this.sources) {
      const read = (bytes: number) => {
        this.bytesRead = before + bytes
      }
      // Of a file that was looked at before, it has been said.
      const { onNote: _, ...quiet } = this.#options
      const opened = await open(source, source.size === null ? this.#options : quiet, read)
      const { format } = opened
      try {
        for await (const row of rowsOf(opened, source, this, read)) {
          yield { source: source.name, format, ...row } as Row
        }
      } finally {
        opened.close()
      }
      before += source.size ?? 0
    }
  }
}

type Found = { number: number } & (SoundRow | DefectiveRow)

async function* rowsOf(
  { format, all, isParquetFile, close }: Open,
  { name }: Source,
  counts: { blankLines: number },
  read: (bytes: number) => void,
): AsyncGenerator<Found> {
  const shown = shownName(name)
  if (format === 'parquet') {
    // What is no file, or packed, cannot be read from its end.
    if (isParquetFile) close()
    let number = 0
    for await (const record of isParquetFile
      ? readParquet(name, shown, read)
      : readParquetStream(all, shown)) {
      number += 1
      yield { number, record, text: null, defect: null }
    }
    return
  }
  if (format === 'csv' || format === 'tsv') return yield* readTable(all, format, shown)
  for await (const { number, content } of format === 'json' ? readJsonValues(all, shown) : readLines(all)) {
    if (isBlank(content)) counts.blankLines += 1
    else yield { number, ...rowFrom(content) }
  }
}

function isBlank(content: RowText): boolean {
  return !('defect' in content) && content.text.trim() === ''
}

function rowFrom(content: RowText): SoundRow | DefectiveRow {
  if ('defect' in content) return { record: null, text: content.text, defect: content.defect }
  return jsonRow(content.text)
}

interface Open {
  format: RowFormat
  /** The bytes to read rows from: unpacked, and text in UTF-8. */
  all: AsyncIterable<Uint8Array>
  isParquetFile: boolean
  close(): void
}

/** Opens a source and tells its format. @throws InputError for what is none */
async function open(
  source: Source,
  { format, signal, onNote }: ReadOptions,
  read: (bytes: number) => void,
): Promise<Open> {
  const name = shownName(source.name)
  const stream: Readable = source.name === '-' ? process.stdin : createReadStream(source.name)
  if (signal) addAbortSignal(signal, stream)
  const close = () => void stream.destroy()
  try {
    const packed = await peek(counted(stream as AsyncIterable<Uint8Array>, read), () => true)
    const { head, all } = await peek(await unpack(packed.all, name), () => true)
    refuseForeign(head, name)
    if (isParquet(head)) {
      if (format !== undefined && format !== 'parquet') {
        throw new InputError(`${name} is Parquet, and --format says ${format}: use --format parquet`)
      }
      return {
        format: 'parquet',
        all,
        isParquetFile: source.size !== null && isParquet(packed.head),
        close,
      }
    }
    const text = await peek(await utf8Bytes(all, name), hasFirstLine)
    const decided = decide(text.head, source.name, format, onNote)
    if (decided === 'parquet') {
      throw new InputError(`${name} is no Parquet file: it begins otherwise (--format says what it is)`)
    }
    return { format: decided, all: text.all, isParquetFile: false, close }
  } catch (error) {
    close()
    throw error
  }
}

/** The format by the flag, the beginning and the name; where they contradict each other, what is there counts. */
function decide(
  head: Uint8Array,
  source: string,
  given: RowFormat | undefined,
  onNote: ((note: string) => void) | undefined,
): RowFormat {
  const name = shownName(source)
  const named = formatOfName(source)
  const looks = looksOf(head)
  if (given !== undefined) {
    if (given === 'jsonl' && looks.format !== null && looks.format !== 'jsonl') {
      throw new InputError(
        `${name} is ${looks.what}, and --format says jsonl, one JSON object a line: use --format ${looks.format}`,
      )
    }
    return given
  }
  if (headerOf(head) === '') return named ?? 'jsonl'
  if (looks.format === null) {
    if (named !== null) return named
    throw new InputError(
      `${name} begins as none of the formats: say what it is by --format jsonl, json, csv, tsv or parquet`,
    )
  }
  // A table of one column, or of names of its own, is one by its name alone; JSON in a table's name is not one.
  if (named === looks.format || named === null) return looks.format
  if (named === 'json' && looks.format === 'jsonl') return 'json'
  if ((named === 'csv' || named === 'tsv') && (looks.format === 'csv' || looks.format === 'tsv')) return named
  onNote?.(`${name} is ${looks.what}: read as ${looks.format} (--format says otherwise)`)
  return looks.format
}

function isParquet(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 4)).toString('latin1') === 'PAR1'
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  read: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    read(bytes)
    yield chunk
  }
}

function shownName(name: string): string {
  return name === '-' ? 'stdin' : name
}
