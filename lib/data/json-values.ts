import { InputError } from './input-error.js'
import { HeldBytes, type RowText } from './lines.js'

/** One value of a JSON text, by the line where it begins. */
export interface JsonValue {
  number: number
  content: RowText
  /** Bytes of the source up to its end. */
  end: number
}

const [LINE_FEED, QUOTE, BACKSLASH, COMMA] = [0x0a, 0x22, 0x5c, 0x2c]
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === LINE_FEED || byte === 0x0d || byte === 0x09
}

/**
 * The elements of a JSON array, or the values that stand one after the other, without the whole of it in memory.
 * What is in a value is checked by whoever parses it.
 *
 * @throws InputError where the array is broken between its elements, or the text ends inside a value
 */
export async function* readJsonValues(
  source: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<JsonValue> {
  const held = new HeldBytes()
  let line = 1
  let beganAt = 1
  /** Bytes of the chunks before. */
  let before = 0
  /** Null before the first byte that is no space. */
  let inArray: boolean | null = null
  /** What may come between values: in an array `,` and a value take turns. */
  let expects: 'value' | 'comma' | 'end' = 'value'
  let first = true
  let depth = 0
  let kind: 'none' | 'container' | 'string' | 'scalar' = 'none'
  let quoted = false
  let escaped = false

  const refuse = (what: string): never => {
    throw new InputError(
      `${name} is no sound JSON: line ${line}: ${what} (read as json; --format jsonl takes one object a line)`,
    )
  }

  for await (const chunk of source) {
    let start = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number
      if (byte === LINE_FEED) line += 1
      if (kind === 'none') {
        if (isSpace(byte)) continue
        if (inArray === null) {
          inArray = byte === OPEN_ARRAY
          if (inArray) continue
        }
        if (inArray) {
          if (expects === 'end') {
            // Another array may follow the first.
            if (byte !== OPEN_ARRAY) refuse(`expected nothing after the array, got ${shown(byte)}`)
            expects = 'value'
            first = true
            continue
          }
          if (byte === CLOSE_ARRAY && (expects === 'comma' || first)) {
            expects = 'end'
            continue
          }
          if (expects === 'comma') {
            if (byte !== COMMA) refuse(`expected , or ] after a value, got ${shown(byte)}`)
            expects = 'value'
            continue
          }
        }
        if (byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT)
          refuse(`expected a value, got ${shown(byte)}`)
        first = false
        start = at
        beganAt = line
        quoted = byte === QUOTE
        depth = byte === OPEN_ARRAY || byte === OPEN_OBJECT ? 1 : 0
        kind = depth > 0 ? 'container' : quoted ? 'string' : 'scalar'
        continue
      }
      let ended = false
      if (quoted) {
        if (escaped) escaped = false
        else if (byte === BACKSLASH) escaped = true
        else if (byte === QUOTE) {
          quoted = false
          ended = kind === 'string'
        }
      } else if (kind === 'scalar') {
        if (isSpace(byte) || byte === COMMA || byte === CLOSE_ARRAY || byte === OPEN_OBJECT) {
          held.add(chunk.subarray(start, at))
          if (byte === LINE_FEED) line -= 1
          at -= 1
          yield { number: beganAt, content: held.take(), end: before + at + 1 }
          kind = 'none'
          if (inArray) expects = 'comma'
        }
        continue
      } else if (byte === QUOTE) quoted = true
      else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) depth += 1
      else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
        depth -= 1
        ended = depth === 0
      }
      if (!ended) continue
      held.add(chunk.subarray(start, at + 1))
      yield { number: beganAt, content: held.take(), end: before + at + 1 }
      kind = 'none'
      if (inArray) expects = 'comma'
    }
    if (kind !== 'none') held.add(chunk.subarray(start))
    before += chunk.length
  }
  if (kind === 'scalar' && !inArray) yield { number: beganAt, content: held.take(), end: before }
  else if (kind !== 'none') refuse(`it ends inside the value that begins in line ${beganAt}`)
  else if (inArray && expects !== 'end') refuse('it ends inside the array')
}

function shown(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte.toString(16)}`
}
