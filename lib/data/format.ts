import { USUAL_NAMES } from './column-names.js'
import { InputError } from './input-error.js'
import type { RowFormat } from './row.js'

const ENDINGS: Readonly<Record<string, RowFormat>> = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  jsonlines: 'jsonl',
  json: 'json',
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  parquet: 'parquet',
  pq: 'parquet',
}

/** The format that a file's name says, also under `.gz` and `.zst`; null where it says none. */
export function formatOfName(name: string): RowFormat | null {
  const plain = name.replace(/\.(?:gz|gzip|zst|zstd)$/i, '')
  return ENDINGS[/\.([a-z]+)$/i.exec(plain)?.[1]?.toLowerCase() ?? ''] ?? null
}

/** What the beginning of a text shows. */
export interface Looks {
  format: RowFormat | null
  /** What it is, for a message. */
  what: string
}

/** Whether a head is long enough to tell: it has a line that is not blank and ends. */
export function hasFirstLine(head: Uint8Array): boolean {
  return firstLine(head, false) !== null
}

/** The first line that is not blank, or null. */
function firstLine(bytes: Uint8Array, whole: boolean): string | null {
  const text = Buffer.from(bytes).toString('utf8')
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start)
    if (end < 0 && !whole) return null
    const line = text.slice(start, end < 0 ? text.length : end).trim()
    if (line !== '') return line
    if (end < 0) return null
    start = end + 1
  }
  return null
}

/** What rows begin so. */
export function looksOf(head: Uint8Array): Looks {
  const line = firstLine(head, true) ?? ''
  const value = parsed(line)
  if (Array.isArray(value)) {
    return value.some((element) => typeof element === 'object' && element !== null)
      ? { format: 'json', what: 'a JSON array' }
      : { format: 'jsonl', what: 'JSONL' }
  }
  if (value !== undefined) return { format: 'jsonl', what: 'JSONL' }
  if (/^\[\s*(?:\{|$)/.test(line)) return { format: 'json', what: 'a JSON array' }
  if (/^\{\s*(?:"(?:[^"\\]|\\.)*"\s*:\s*(?:[[{]\s*|[^[{]*,\s*)?)?$/.test(line)) {
    return { format: 'json', what: 'a JSON object over several lines' }
  }
  if (line.startsWith('{') && severalObjects(line)) {
    return { format: 'json', what: 'JSON objects without line breaks between them' }
  }
  const delimiter = delimiterOf(line)
  const columns = line.split(delimiter ?? '\n').map((column) =>
    column
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .toLowerCase(),
  )
  if (columns.length > 1 && columns.some((column) => USUAL_NAMES.has(column))) {
    return { format: delimiter === '\t' ? 'tsv' : 'csv', what: 'a table' }
  }
  return { format: null, what: 'none of these formats' }
}

/** What separates the columns of a table's header, or null where it has one column. */
export function delimiterOf(header: string): string | null {
  const plain = header.replace(/"(?:[^"]|"")*"/g, '')
  let best: { delimiter: string; count: number } | null = null
  for (const delimiter of [',', '\t', ';', '|']) {
    const count = plain.split(delimiter).length - 1
    if (count > (best?.count ?? 0)) best = { delimiter, count }
  }
  return best?.delimiter ?? null
}

/** The header line of a table. */
export function headerOf(head: Uint8Array): string {
  return firstLine(head, true) ?? ''
}

/** @throws InputError for files that hold no rows */
export function refuseForeign(head: Uint8Array, name: string): void {
  const begins = (...bytes: number[]) => bytes.every((byte, at) => head[at] === byte)
  if (begins(0x50, 0x4b, 0x03, 0x04)) {
    throw new InputError(
      `${name} is a zip archive, as spreadsheets are: unpack it, or export the sheet as CSV (--format csv)`,
    )
  }
  if (begins(0x47, 0x47, 0x55, 0x46)) {
    throw new InputError(`${name} is a model file (GGUF), expected rows: give the model with --model`)
  }
  if (begins(0x41, 0x52, 0x52, 0x4f, 0x57, 0x31)) {
    throw new InputError(
      `${name} is an Arrow file, which is not read: write it as Parquet (--format parquet)`,
    )
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether an object ends inside the line, and another one follows. */
function severalObjects(line: string): boolean {
  let depth = 0
  let quoted = false
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at)
    if (quoted) {
      if (character === '\\') at++
      else if (character === '"') quoted = false
    } else if (character === '"') quoted = true
    else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') {
      depth--
      if (depth > 0) continue
      const [first, rest] = [line.slice(0, at + 1), line.slice(at + 1).trimStart()]
      return rest.startsWith('{') && parsed(first) !== undefined
    }
  }
  return false
}
