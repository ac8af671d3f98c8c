import { Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import { delimiterOf, hasFirstLine, headerOf } from './format.js'
import { InputError } from './input-error.js'
import { MAX_ROW_BYTES } from './lines.js'
import type { DefectiveRow, SoundRow } from './row.js'
import { peek } from './unpack.js'

/** A record by the line where it begins; `end` is the bytes of the source up to its end. */
export type TableRow = { number: number; end: number } & (SoundRow | DefectiveRow)

interface Parsed {
  info: { lines: number; bytes: number }
  record: (string | null)[]
}

/**
 * Rows of a table with a header, quoted as RFC 4180 has it; fields may hold line breaks. The delimiter of CSV is the
 * likeliest in the header of `,`, `;`, `|` and tab. A row of another number of fields is a defect.
 *
 * @throws InputError where quotes leave it unclear what a row is, for a header with a name twice, and for a table
 *   without one
 */
export async function* readTable(
  source: AsyncIterable<Uint8Array>,
  format: 'csv' | 'tsv',
  name: string,
): AsyncGenerator<TableRow> {
  const { head, all } = await peek(source, hasFirstLine)
  const delimiter = format === 'tsv' ? '\t' : (delimiterOf(headerOf(head)) ?? ',')
  const parser = parse({
    delimiter,
    info: true,
    relax_column_count: true,
    // Exports of tabs rarely quote: a quote inside a field is a character.
    relax_quotes: format === 'tsv',
    skip_empty_lines: true,
    max_record_size: MAX_ROW_BYTES,
    // An empty cell is no text; one that is quoted is an empty text.
    cast: (value, { quoting }) => (value === '' && !quoting ? null : value),
  })
  const input = Readable.from(all, { objectMode: false })
  input.on('error', (error) => parser.destroy(error))
  input.pipe(parser)
  let header: string[] | null = null
  try {
    for await (const { info, record } of parser as AsyncIterable<Parsed>) {
      // The parser tells the line where a record ends.
      const number = info.lines - record.reduce((sum, value) => sum + lineBreaks(value), 0)
      if (header === null) {
        header = checkHeader(record, name, format)
        continue
      }
      if (record.length === header.length) {
        yield {
          number,
          end: info.bytes,
          record: Object.fromEntries(header.map((column, at) => [column, record[at]])),
          text: null,
          defect: null,
        }
        continue
      }
      const text = record
        .map((value) => value ?? '')
        .join(delimiter)
        .slice(0, 10_000)
      const defect = `expected ${header.length} fields, as in the header, got ${record.length}`
      yield { number, end: info.bytes, record: null, text, defect }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const flag =
      format === 'csv'
        ? '--format tsv takes quotes inside fields as they are, --format jsonl is another format'
        : 'export it again'
    throw new InputError(`${name} is no sound ${format.toUpperCase()}: ${error.message} (${flag})`, {
      cause: error,
    })
  } finally {
    input.destroy()
    parser.destroy()
  }
}

function lineBreaks(value: string | null): number {
  return value?.match(/\r?\n|\r/g)?.length ?? 0
}

function checkHeader(record: (string | null)[], name: string, format: string): string[] {
  const header = record.map((column) => column?.trim() ?? '')
  const twice = header.find((column, at) => header.indexOf(column) !== at)
  if (twice !== undefined) {
    throw new InputError(
      `${name} has the column ${JSON.stringify(twice)} twice in its header: name each once (read as ${format}; --format says otherwise)`,
    )
  }
  return header
}
