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
  const working: Job<Output>[] = []
  const next: { settled: Settled<IteratorResult<Input>> | null } = { settled: null }
  let reading = false
  let ended = false
  // Woken by what it waits for, rather than by a race of promises: what loses a race for a promise that never
  // settles is kept as long as that promise is.
  let wake = () => {}
  const onAbort = () => wake()
  signal?.addEventListener('abort', onAbort)
  const read = () => {
    reading = true
    settle(
      () => source.next(),
      (settled) => {
        next.settled = settled
        wake()
      },
    )
  }
  const start = (input: Input) => {
    const job: Job<Output> = { settled: null }
    working.push(job)
    settle(
      () => work(input, either),
      (settled) => {
        job.settled = settled
        wake()
      },
    )
  }
  try {
    while (true) {
      signal?.throwIfAborted()
      // Whichever came first: another input to start on, or the result that is due.
      const item = taken(next.settled)
      if (item) {
        next.settled = null
        reading = false
        if (item.value.done) ended = true
        else start(item.value.value)
        continue
      }
      if (!ended && !reading && working.length < concurrency) {
        read()
        continue
      }
      const result = taken(working[0]?.settled ?? null)
      if (result) {
        working.shift()
        yield result.value
        continue
      }
      if (!reading && working.length === 0) return
      await new Promise<void>((resolve) => {
        wake = resolve
        if (signal?.aborted || next.settled || working[0]?.settled) resolve()
      })
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    stop.abort()
    if (!ended)
      settle(
        () => source.return?.(),
        () => {},
      )
  }
}

type Settled<T> = { value: T } | { error: unknown }

interface Job<T> {
  settled: Settled<T> | null
}

/** What has settled, or null. @throws what it failed with */
function taken<T>(settled: Settled<T> | null): { value: T } | null {
  if (settled && 'error' in settled) throw settled.error
  return settled
}

/** Tells how a call ended, also one that throws at once; never at once itself. */
function settle<T>(call: () => T | PromiseLike<T>, done: (settled: Settled<T>) => void): void {
  new Promise<T>((resolve) => resolve(call())).then(
    (value) => done({ value }),
    (error: unknown) => done({ error }),
  )
}
