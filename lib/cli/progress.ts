import { SingleBar } from 'cli-progress'

const BAR_DELAY_MS = 500
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
          format: `${label} [{bar}] {percentage}% {note}`,
          stream: process.stderr,
          clearOnComplete: true,
          hideCursor: true,
          // Signals are the command line's own business; it stops the bar on its way out.
          gracefulExit: false,
        })
        bar.start(total, done, { note })
      }
      bar.update(done, { note })
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
      process.stderr.write(`${label}${percent} ${note}\n`)
    },
    stop() {},
  }
}
