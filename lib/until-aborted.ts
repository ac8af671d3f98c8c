/** Settles like `promise`, or rejects with the signal's reason as soon as it aborts. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) {
      // It may still fail, and nobody else may be waiting for it.
      promise.catch(() => {})
      return onAbort()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

/**
 * What `run` yields with a signal that aborts with either of two. Unlike `AbortSignal.any` it leaves nothing on a signal that lives
 * as long as its guard.
 */
export async function* untilEitherAborts<T>(
  lasting: AbortSignal,
  signal: AbortSignal | undefined,
  run: (either: AbortSignal) => AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  const stop = new AbortController()
  const follow = (one: AbortSignal) => {
    const onAbort = () => stop.abort(one.reason)
    if (one.aborted) onAbort()
    one.addEventListener('abort', onAbort)
    return () => one.removeEventListener('abort', onAbort)
  }
  const leave = [lasting, ...(signal ? [signal] : [])].map(follow)
  try {
    yield* run(stop.signal)
  } finally {
    for (const one of leave) one()
  }
}
