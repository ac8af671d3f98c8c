import { inspect } from 'node:util'

/** What each callback threw last. */
const threw = new WeakMap<object, string>()

/**
 * A callback of the caller's as one that never throws: it is called where an error would end the process, or be taken for one
 * of the queue's. What it throws is a warning, once in a row where it throws the same each time.
 */
export function heard<T>(name: string, callback: ((told: T) => void) | undefined): (told: T) => void {
  if (!callback) return () => {}
  const warn = (error: unknown) => {
    const text = error instanceof Error ? error.message : inspect(error)
    if (threw.get(callback) === text) return
    threw.set(callback, text)
    process.emitWarning(`${name} threw: ${text}`, { code: 'QWEN3GUARD_CALLBACK' })
  }
  return (told) => {
    try {
      // An async function is one, too: TypeScript takes it for what returns nothing.
      const done: unknown = callback(told)
      if (done instanceof Promise) done.catch(warn)
    } catch (error) {
      warn(error)
    }
  }
}
