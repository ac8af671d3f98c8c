import { createReadStream } from 'node:fs'
import { InputError } from '../data/input-error.js'
import { isObject } from './conversation.js'
import { foreignBytes } from './text-file.js'

/** Bytes that tell the format; a first row that is longer is not looked at. */
const HEAD_BYTES = 1 << 20

const EXPECTED = 'expected JSONL, one JSON object a line'

/**
 * Hands on a source of rows, unless its beginning shows that it is of another format: then no row of it is one, and
 * one message says so rather than each row.
 *
 * @throws InputError, while iterating, that names the format and what makes JSONL of it
 */
export async function* requireJsonLines(source: AsyncIterable<Buffer>, file: string): AsyncGenerator<Buffer> {
  let head = Buffer.alloc(0)
  let looked = false
  for await (const chunk of source) {
    if (looked) {
      yield chunk
      continue
    }
    head = Buffer.concat([head, chunk])
    if (head.length < 4 || (firstLine(head) === null && head.length < HEAD_BYTES)) continue
    looked = true
    refuseOther(head, file)
    yield head
  }
  if (looked) return
  refuseOther(head, file)
  if (head.length > 0) yield head
}

/** The same for a file, before anything is loaded for it. @throws InputError, or the disk's error */
export async function requireJsonLinesFile(path: string): Promise<void> {
  const source = createReadStream(path)
  try {
    for await (const _ of requireJsonLines(source, path)) break
  } finally {
    source.destroy()
  }
}

function refuseOther(head: Buffer, file: string): void {
  const name = file === '-' ? 'stdin' : file
  const foreign = foreignBytes(head, file)
  if (foreign) throw new InputError(`${name} is ${foreign}`)
  const line = firstLine(head) ?? (head.length < HEAD_BYTES ? head.toString('utf8').trim() : '')
  const other = otherFormat(line, file)
  if (other) throw new InputError(`${name} is ${other}`)
}

/** The first line that is not blank and ends, or null. */
function firstLine(head: Buffer): string | null {
  for (let start = 0; ; ) {
    const end = head.indexOf(0x0a, start)
    if (end < 0) return null
    const line = head
      .toString('utf8', start, end)
      .replace(/^\uFEFF/, '')
      .trim()
    if (line !== '') return line
    start = end + 1
  }
}

/** What rows begin with such a line, if they are not JSONL. */
function otherFormat(line: string, file: string): string | null {
  if (line === '' || parsed(line) !== undefined) {
    // A row that is none of ours is one row's error, but for a whole file in an array.
    return Array.isArray(parsed(line)) && (parsed(line) as unknown[]).some(isObject)
      ? `a JSON array, ${EXPECTED}: \`jq -c '.[]' ${file}\``
      : null
  }
  if (/^\[\s*(?:\{|$)/.test(line)) return `a JSON array, ${EXPECTED}: \`jq -c '.[]' ${file}\``
  if (/^\{\s*(?:"(?:[^"\\]|\\.)*"\s*:\s*[[{]?\s*)?$/.test(line)) {
    return `a JSON object over several lines, ${EXPECTED}: \`jq -c . ${file}\``
  }
  if (line.startsWith('{') && severalObjects(line)) {
    return `JSON objects without line breaks between them, ${EXPECTED}: \`jq -c . ${file}\``
  }
  const columns = line.split(/[,;\t]/).map((column) =>
    column
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .toLowerCase(),
  )
  if (columns.length > 1 && columns.some((column) => ['prompt', 'response', 'messages'].includes(column))) {
    return `a table (CSV or TSV), ${EXPECTED}: export it as JSONL`
  }
  return null
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
