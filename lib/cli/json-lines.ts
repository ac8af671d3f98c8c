/** Bytes of one line at most, so that a file without line breaks cannot fill the memory. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024

const LINE_FEED = 0x0a

export interface Line {
  /** From 1, blank lines counted. */
  number: number
  /** Bytes of the source up to and with this line. */
  offset: number
  /** Without its line break; or what is wrong with the line, and as much of its text as can be shown. */
  content: { text: string } | { defect: string; text: string | null }
}

/**
 * Splits bytes at line feeds. node:readline would do but for two things: it also splits at U+2028 and
 * U+2029, which JSON strings may hold, and it replaces bytes that are not UTF-8 in silence.
 */
export async function* readLines(source: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let pieces: Buffer[] = []
  let length = 0
  let number = 0
  let offset = 0

  const hold = (piece: Buffer) => {
    length += piece.length
    offset += piece.length
    if (length <= MAX_LINE_BYTES) pieces.push(piece)
    else pieces = []
  }
  const finish = (): Line => {
    number += 1
    const line = { number, offset, content: decode(pieces, length) }
    pieces = []
    length = 0
    return line
  }

  for await (const chunk of source) {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      hold(chunk.subarray(start, end))
      offset += 1
      start = end + 1
      yield finish()
    }
    hold(chunk.subarray(start))
  }
  if (length > 0) yield finish()
}

function decode(pieces: Buffer[], length: number): Line['content'] {
  if (length > MAX_LINE_BYTES) {
    return { defect: `expected a line of at most ${MAX_LINE_BYTES} bytes, got ${length}`, text: null }
  }
  const bytes = Buffer.concat(pieces, length)
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r$/, '') }
  } catch {
    return { defect: 'expected UTF-8, got other bytes', text: bytes.toString('utf8') }
  }
}
