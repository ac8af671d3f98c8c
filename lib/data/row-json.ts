/** Values within values, and elements of one list, that a row can have; a list may hold itself, or nothing four billion times. */
const DEEPEST = 1000
const MOST_ELEMENTS = 1 << 24

/**
 * A record as JSON in one line: bigints as numbers, times as ISO text, bytes as base64, all else as JSON has it.
 * @throws RangeError for a list or a depth that no row has
 */
export function jsonOf(value: unknown, depth = 0): string {
  if (depth > DEEPEST) throw new RangeError(`it holds itself, or values more than ${DEEPEST} deep`)
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'))
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'null' : JSON.stringify(value)
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    const { length } = value as ArrayLike<unknown>
    if (length > MOST_ELEMENTS) throw new RangeError(`it has a list of ${length} elements`)
    const elements = Array.from(value as ArrayLike<unknown>, (element) => jsonOf(element ?? null, depth + 1))
    return `[${elements.join(',')}]`
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${jsonOf(member, depth + 1)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}

/** A JSON object as it was spelled, in one line: line breaks stand between its members only. */
export function inOneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.trim().replace(/\s*[\r\n]\s*/g, ' ') : text
}
