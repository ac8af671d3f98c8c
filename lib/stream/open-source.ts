/** What is read piece by piece, and can be told that no more is wanted. */
export interface Source<T> {
  next(): Promise<{ done?: boolean | undefined; value?: T | undefined }>
  /** Does not wait for the source to agree, and never throws. */
  stop(): void
}

/**
 * Begins to read a source. Stopping it ends it at once, also while it is silent or was never read: a generator's
 * `return` would wait for the piece that is asked for, so a Node stream is destroyed, and of a stream that has the
 * controller of its request, as the SDKs of OpenAI and others have it, that is aborted.
 */
export function openSource<T>(source: AsyncIterable<T> | ReadableStream<T>): Source<T> {
  if ('getReader' in source) {
    const reader = source.getReader()
    return { next: () => reader.read(), stop: () => attempt(() => reader.cancel()) }
  }
  const iterator = source[Symbol.asyncIterator]()
  return {
    next: () => iterator.next(),
    stop() {
      const { destroy, controller } = source as { destroy?: unknown; controller?: unknown }
      if (controller instanceof AbortController) attempt(() => controller.abort())
      if (typeof destroy === 'function') attempt(() => destroy.call(source))
      attempt(() => iterator.return?.())
    },
  }
}

/** @throws TypeError for what cannot be read piece by piece, such as a request that was not awaited */
export function requireStream(source: unknown): void {
  if (typeof source === 'object' && source !== null) {
    if (Symbol.asyncIterator in source || 'getReader' in source) return
    const hint =
      'then' in source
        ? ', got a promise: await it'
        : ', got an object: was the request made with `stream: true`?'
    throw new TypeError(`Expected a stream, or another async iterable${hint}`)
  }
  throw new TypeError(
    `Expected a stream, or another async iterable, got ${source === null ? 'null' : typeof source}`,
  )
}

/** What a source throws when it is stopped changes nothing any more. */
function attempt(stop: () => unknown): void {
  try {
    Promise.resolve(stop()).catch(() => {})
  } catch {}
}
