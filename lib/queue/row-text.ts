import { jsonRow } from '../data/json-row.js'
import { isObject, type Row, type RowFormat } from '../data/row.js'

/** A row as it travels, in JSON: everything that its output depends on. */
interface Sent {
  number: number
  source: string
  format: RowFormat
  /** The JSON text, or of a row that is none what can be shown. */
  text: string | null
  defect?: string
  /** Where there is no JSON text: the columns, of which JSON may not know the types. */
  record?: unknown
}

/** One line, without its line break. */
export function rowText({ number, source, format, record, text, defect }: Row): string {
  const sent: Sent = { number, source, format, text }
  if (defect !== null) sent.defect = defect
  else if (text === null) sent.record = tagged(record)
  return JSON.stringify(sent)
}

/** The row of a line of {@link rowText}. @throws SyntaxError, TypeError for a line that is none */
export function rowOf(line: string): Row {
  const { record, text, defect, ...where } = JSON.parse(line) as Sent
  if (defect !== undefined) return { ...where, record: null, text, defect }
  if (text !== null) return { ...where, ...jsonRow(text) } as Row
  const columns = untagged(record)
  if (!isObject(columns)) throw new TypeError('Expected a row with columns')
  return { ...where, record: columns, text: null, defect: null }
}

const TAG = '$qwen3guard'

/** Values of Parquet that JSON has no type for, under a tag. */
function tagged(value: unknown): unknown {
  if (typeof value === 'bigint') return { [TAG]: 'integer', value: value.toString() }
  if (value instanceof Date) return { [TAG]: 'time', value: value.getTime() }
  if (typeof value === 'number' && !Number.isFinite(value)) return { [TAG]: 'number', value: String(value) }
  if (value instanceof Uint8Array) return { [TAG]: 'bytes', value: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return value.map((element) => tagged(element ?? null))
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as unknown as ArrayLike<unknown>, tagged)
  }
  if (!isObject(value)) return value
  const members = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, tagged(member)]))
  // A row's own column of that name.
  return TAG in members ? { [TAG]: 'object', value: Object.entries(members) } : members
}

function untagged(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(untagged)
  if (!isObject(value)) return value
  const { [TAG]: tag, value: inner } = value
  if (tag === undefined) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, untagged(member)]))
  }
  if (tag === 'integer') return BigInt(inner as string)
  if (tag === 'time') return new Date(inner === null ? Number.NaN : (inner as number))
  if (tag === 'number') return Number(inner)
  if (tag === 'bytes') return new Uint8Array(Buffer.from(inner as string, 'base64'))
  return Object.fromEntries((inner as [string, unknown][]).map(([name, member]) => [name, untagged(member)]))
}
