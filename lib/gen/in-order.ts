import { setMaxListeners } from 'node:events'

/**
 * Runs `work` on every input, at most `concurrency` at a time, and yields the results in the order of
 * the inputs. Reads no further ahead than that. A failure ends the iteration with its error; then, and when
 * the consumer stops, what is in work is aborted and the inputs are told that no more are read.
 */
export async function* inOrder<Input, Output>(
  inputs: Iterable<Input> | AsyncIterable<Input>,
  work: (input: Input, signal: AbortSignal) => Promise<Output>,
  concurrency: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Output, void, undefined> {
  const stop = new AbortController()
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  // Every input in work listens to it; that is no leak.
  setMaxListeners(0, either)
  const source = Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]()
  const working: Promise<Output>[] = []
  let reading: Promise<IteratorResult<Input>> | null = null
  let ended = false
  const aborted = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true, signal: stop.signal })
  })
  aborted.catch(() => {})
  try {
    signal?.throwIfAborted()
    while (true) {
      if (!ended && reading === null && working.length < concurrency) {
        reading = Promise.resolve(source.next())
        reading.catch(() => {})
      }
      const oldest = working[0]
      if (reading === null && oldest === undefined) return
      // Whichever comes first: another input to start on, or the verdict that is due.
      const next = await Promise.race([
        ...(reading === null ? [] : [reading.then((item) => ({ item }))]),
        ...(oldest === undefined ? [] : [oldest.then((output) => ({ output }))]),
        aborted,
      ])
      if ('item' in next) {
        reading = null
        if (next.item.done) {
          ended = true
        } else {
          const output = work(next.item.value, either)
          output.catch(() => {})
          working.push(output)
        }
      } else {
        working.shift()
        yield next.output
      }
    }
  } finally {
    stop.abort()
    if (!ended) Promise.resolve(source.return?.()).catch(() => {})
  }
}
