import type { RowReader } from '../data/read-rows.js'
import { count } from './display.js'
import type { Tally } from './tally.js'

const DELAY_MS = 500
const DRAW_INTERVAL_MS = 100
const LINE_INTERVAL_MS = 5000

/** How far the judging of rows is, on stderr: one line that is drawn again in a terminal, else a line every few seconds. */
export class RowProgress {
  readonly #reader: Pick<RowReader, 'bytes' | 'bytesRead'>
  readonly #tally: Pick<Tally, 'rows' | 'counts'>
  readonly #stream: NodeJS.WriteStream
  #started = Date.now()
  readonly #quiet: boolean
  #rowsBefore: number | null = null
  #bytesBefore = 0
  #last: number
  #drawn = false

  constructor(
    reader: Pick<RowReader, 'bytes' | 'bytesRead'>,
    tally: Pick<Tally, 'rows' | 'counts'>,
    { quiet = false, stream = process.stderr }: { quiet?: boolean; stream?: NodeJS.WriteStream } = {},
  ) {
    this.#reader = reader
    this.#tally = tally
    this.#quiet = quiet
    this.#stream = stream
    this.#last = this.#started + (stream.isTTY ? DELAY_MS - DRAW_INTERVAL_MS : 0)
  }

  /** Rows are judged from here on: what an earlier run has done does not count for the rate. */
  begin(): void {
    this.#started = Date.now()
    this.#rowsBefore = this.#tally.rows
    this.#bytesBefore = this.#reader.bytesRead
  }

  update(): void {
    if (this.#quiet) return
    if (this.#rowsBefore === null) this.begin()
    const now = Date.now()
    if (now - this.#last < (this.#stream.isTTY ? DRAW_INTERVAL_MS : LINE_INTERVAL_MS)) return
    this.#last = now
    const text = this.#text(now)
    if (!this.#stream.isTTY) {
      this.#stream.write(`${text}\n`)
      return
    }
    this.#drawn = true
    const width = Math.max(20, (this.#stream.columns ?? 80) - 1)
    this.#stream.write(`\r${text.slice(0, width)}\x1b[K`)
  }

  stop(): void {
    if (this.#drawn) this.#stream.write('\r\x1b[K')
    this.#drawn = false
  }

  /** What matters most comes first: a narrow terminal shows less of it. */
  #text(now: number): string {
    const { bytes, bytesRead } = this.#reader
    const { rows, counts } = this.#tally
    const seconds = Math.max(1, now - this.#started) / 1000
    const rate = (rows - (this.#rowsBefore ?? 0)) / seconds
    const parts = [`${count(rows)} rows`]
    if (bytes !== null && bytes > 0) {
      const done = Math.min(1, bytesRead / bytes)
      parts.unshift(`${Math.floor(100 * done)}%`)
      const bytesLeft = (bytes - bytesRead) / Math.max(1, bytesRead - this.#bytesBefore)
      parts.push(`${rate.toFixed(rate < 10 ? 1 : 0)}/s`)
      if (done < 1 && bytesRead > this.#bytesBefore) parts.push(`${duration(bytesLeft * seconds)} left`)
    } else parts.push(`${rate.toFixed(rate < 10 ? 1 : 0)}/s`)
    return `${parts.join('  ')}  ${counts}`
  }
}

/** `3 h 12 min` */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
