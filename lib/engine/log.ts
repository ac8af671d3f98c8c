import type { LogLevel } from '../types.js'
import { loadBinding } from './binding.js'

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

type Listener = { level: LogLevel; onLog: (level: LogLevel, message: string) => void }

// llama.cpp has one log for the whole process, so every listener hears of every model.
const listeners = new Set<Listener>()

/** Sends llama.cpp's log lines of at least `level` to `onLog` until the returned function is called. */
export function listen(level: LogLevel, onLog: Listener['onLog']): () => void {
  const listener = { level, onLog }
  listeners.add(listener)
  connect()
  return () => {
    if (listeners.delete(listener)) connect()
  }
}

/** What a listener throws must not reach the native callback, nor keep other listeners from hearing. */
function tell(listener: Listener, level: LogLevel, message: string): void {
  try {
    listener.onLog(level, message)
  } catch (error) {
    process.emitWarning(`onLog threw: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function connect(): void {
  const lowest = LEVELS.find((level) => [...listeners].some((listener) => listener.level === level))
  loadBinding().setLog(
    lowest ?? 'error',
    lowest === undefined
      ? null
      : (level, message) => {
          for (const listener of [...listeners]) {
            if (LEVELS.indexOf(level as LogLevel) >= LEVELS.indexOf(listener.level)) {
              tell(listener, level as LogLevel, message)
            }
          }
        },
  )
}
