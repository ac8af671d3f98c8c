/** A record as JSON in one line: bigints as numbers, times as ISO text, bytes as base64, all else as JSON has it. */
export function jsonOf(value: unknown): string {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'))
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'null' : JSON.stringify(value)
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    return `[${Array.from(value as ArrayLike<unknown>, (element) => jsonOf(element ?? null)).join(',')}]`
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${jsonOf(member)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}

/** A JSON object as it was spelled, in one line: line breaks stand between its members only. */
export function inOneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.trim().replace(/\s*[\r\n]\s*/g, ' ') : text
}
