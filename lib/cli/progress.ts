import { SingleBar } from 'cli-progress'
import { printable } from './printable.js'

const BAR_DELAY_MS = 500
/** Columns left beside a bar for its percentage and note. */
const NOTE_COLUMNS = 26
const LINE_INTERVAL_MS = 10_000

/** How far a long command is, on stderr. */
export interface Progress {
  update(done: number, note?: string): void
  stop(): void
}

/**
 * A bar where stderr is a terminal and `total` is known, else a line every ten seconds.
 * What ends within half a second shows nothing.
 */
export function startProgress(label: string, total: number | null): Progress {
  return process.stderr.isTTY && total !== null ? barProgress(label, total) : lineProgress(label, total)
}

function barProgress(label: string, total: number): Progress {
  const started = Date.now()
  let bar: SingleBar | null = null
  return {
    update(done, note = '') {
      if (bar === null) {
        if (Date.now() - started < BAR_DELAY_MS) return
        bar = new SingleBar({
          format: `${printable(label)} [{bar}] {percentage}% {note}`,
          stream: process.stderr,
          barsize: Math.max(5, Math.min(40, (process.stderr.columns ?? 80) - label.length - NOTE_COLUMNS)),
          clearOnComplete: true,
          hideCursor: true,
          // Signals are the command line's own business; it stops the bar on its way out.
          gracefulExit: false,
        })
        bar.start(total, done, { note: printable(note) })
      }
      bar.update(done, { note: printable(note) })
    },
    stop() {
      bar?.stop()
    },
  }
}

function lineProgress(label: string, total: number | null): Progress {
  let last = Date.now()
  return {
    update(done, note = '') {
      if (Date.now() - last < LINE_INTERVAL_MS) return
      last = Date.now()
      const percent = total === null ? '' : ` ${Math.floor((100 * done) / Math.max(total, 1))}%`
      process.stderr.write(`${printable(label)}${percent} ${printable(note)}\n`)
    },
    stop() {},
  }
}
