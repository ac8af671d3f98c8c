import { RowTimeoutError } from '../errors.js'

/**
 * Does the work of a row for at most so long. What does not listen to its signal is left behind.
 *
 * @throws RowTimeoutError; `signal.reason`; what the work throws
 */
export async function withinTime<T>(
  ms: number | undefined,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (ms === undefined) return await work(signal)
  const late = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new RowTimeoutError(ms)
      late.abort(error)
      reject(error)
    }, ms)
  })
  try {
    return await Promise.race([work(AbortSignal.any([signal, late.signal])), timeout])
  } finally {
    clearTimeout(timer)
  }
}
