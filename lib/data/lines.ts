/** Bytes of one line or JSON value at most, so that a file without line breaks cannot fill the memory. */
export const MAX_ROW_BYTES = 16 * 1024 * 1024

const LINE_FEED = 0x0a

/** Text of a row; or what is wrong with it, and as much of its text as can be shown. */
export type RowText = { text: string } | { defect: string; text: string | null }

export interface Line {
  /** From 1, blank lines counted. */
  number: number
  /** Without its line break. */
  content: RowText
  /** Bytes of the source up to its end, with its line break. */
  end: number
}

/**
 * Splits bytes at line feeds. node:readline would do but for two things: it also splits at U+2028 and
 * U+2029, which JSON strings may hold, and it replaces bytes that are not UTF-8 in silence.
 */
export async function* readLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  const held = new HeldBytes()
  let number = 0
  /** Bytes of the chunks before. */
  let before = 0
  const finish = (end: number): Line => {
    number += 1
    const content = held.take()
    const text = content.text?.replace(/\r$/, '') ?? null
    return { number, content: { ...content, text } as RowText, end }
  }
  for await (const chunk of source) {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      held.add(chunk.subarray(start, end))
      start = end + 1
      yield finish(before + start)
    }
    held.add(chunk.subarray(start))
    before += chunk.length
  }
  if (held.length > 0) yield finish(before)
}

/** Pieces of a row until it is whole; those of one that is too long are let go. */
export class HeldBytes {
  #pieces: Uint8Array[] = []
  length = 0

  add(piece: Uint8Array): void {
    this.length += piece.length
    if (this.length <= MAX_ROW_BYTES) this.#pieces.push(piece)
    else this.#pieces = []
  }

  take(): RowText {
    const { length } = this
    const pieces = this.#pieces
    this.#pieces = []
    this.length = 0
    if (length > MAX_ROW_BYTES) {
      return { defect: `expected a row of at most ${MAX_ROW_BYTES} bytes, got ${length}`, text: null }
    }
    const bytes = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces, length)
    try {
      return { text: STRICT.decode(bytes) }
    } catch {
      return { defect: 'expected UTF-8, got other bytes', text: Buffer.from(bytes).toString('utf8') }
    }
  }
}

// A byte order mark is passed over where text is decoded, at the beginning of a source alone.
const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
