import type { LogLevel } from '../types.js'
import type { NativeBinding } from './binding.js'

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

export type Listener = { level: LogLevel; onLog: (level: LogLevel, message: string) => void }

// llama.cpp has one log for all that an addon does in the process, so every listener hears of every model.
const listeners = new Map<NativeBinding, Set<Listener>>()

/** What an onLog threw last. */
const threw = new WeakMap<Listener['onLog'], string>()

/** Sends an addon's log lines of at least `level` to `onLog` until the returned function is called. */
export function listen(binding: NativeBinding, level: LogLevel, onLog: Listener['onLog']): () => void {
  const listener = { level, onLog }
  const own = listeners.get(binding) ?? new Set()
  listeners.set(binding, own.add(listener))
  connect(binding, own)
  return () => {
    if (own.delete(listener)) connect(binding, own)
  }
}

/**
 * Gives a line to a listener if it wants lines of that level. What it throws must not reach the native callback, nor
 * keep other listeners from hearing; it is a warning, once in a row where every line throws the same.
 */
export function tell(listener: Listener, level: LogLevel, message: string): void {
  if (LEVELS.indexOf(level) < LEVELS.indexOf(listener.level)) return
  try {
    listener.onLog(level, message)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    if (threw.get(listener.onLog) === text) return
    threw.set(listener.onLog, text)
    process.emitWarning(`onLog threw: ${text}`, { code: 'QWEN3GUARD_ON_LOG' })
  }
}

function connect(binding: NativeBinding, own: ReadonlySet<Listener>): void {
  const lowest = LEVELS.find((level) => [...own].some((listener) => listener.level === level))
  binding.setLog(
    lowest ?? 'error',
    lowest === undefined
      ? null
      : (level, message) => {
          for (const listener of [...own]) tell(listener, level as LogLevel, message)
        },
  )
}
