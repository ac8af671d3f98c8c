import type { LoadOptions } from '../index.js'
import { checkKeys, checkSignal, checkTimeout, type Keys } from '../options.js'
import type { QueueOptions } from './bullmq.js'
import { type ChunkStore, folderStore } from './store.js'

/** Where chunks lie: one of both, or neither, and then they travel through the queue. */
export interface StoreOptions {
  /** A folder that all machines mount, wherever each has it. */
  folder?: string
  /** A bucket or a database, through functions of the caller's. */
  store?: ChunkStore
}

/** Options of `createGuardWorker`. At least one of `gen` and `stream`. */
export interface GuardWorkerOptions extends QueueOptions, StoreOptions {
  /** How a Gen model is loaded: chunks that need one are judged by it. */
  gen?: LoadOptions
  /** How a Stream model is loaded. */
  stream?: LoadOptions
  /** Chunks in work at a time. Default 2: while one is read or written the other is judged. */
  concurrency?: number
  /** Single checks of `createGuardClient` in work at a time; 0: none. Default 32. Chunks wait while there is one. */
  liveConcurrency?: number
  /** What the worker is called in results and logs, in letters, digits, `.`, `_` and `-`. Default: the machine and the process. */
  name?: string
  /** Milliseconds for which a chunk is the worker's, renewed at half of it. A worker that ends is missed after it. Default 30,000. */
  lockMs?: number
  /** At most `max` chunks in `duration` milliseconds, in all workers of the queue together. */
  limiter?: { max: number; duration: number }
  /** Told what happens, for a log: what was refused and why, connections lost. */
  onNote?(note: string): void
  /** Aborts the loading of the models. */
  signal?: AbortSignal
}

const KEYS: Keys<GuardWorkerOptions> = {
  queue: true,
  connection: true,
  bullmq: true,
  folder: true,
  store: true,
  gen: true,
  stream: true,
  concurrency: true,
  liveConcurrency: true,
  name: true,
  lockMs: true,
  limiter: true,
  onNote: true,
  signal: true,
}

/** @throws TypeError, RangeError */
export function checkWorkerOptions(options: GuardWorkerOptions): void {
  checkKeys('the options of createGuardWorker', options, KEYS)
  if (options.gen === undefined && options.stream === undefined) {
    throw new TypeError('Expected `gen` or `stream`, or both: how a model is loaded, such as { model: "…" }')
  }
  checkCount('concurrency', options.concurrency, 1)
  checkCount('liveConcurrency', options.liveConcurrency, 0)
  checkTimeout('lockMs', options.lockMs)
  checkSignal(options.signal)
}

/** @throws TypeError, RangeError if it is there and no whole number from `least` on */
export function checkCount(name: string, value: unknown, least: number): void {
  if (value === undefined) return
  if (typeof value !== 'number') {
    throw new TypeError(`Expected \`${name}\` to be a whole number, got ${String(value)} (${typeof value})`)
  }
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`Expected \`${name}\` to be a whole number from ${least} on, got ${value}`)
  }
}

/** The store of the options; null where chunks travel through the queue. @throws TypeError */
export function storeOf({ folder, store }: StoreOptions): ChunkStore | null {
  if (folder !== undefined && store !== undefined) {
    throw new TypeError('Expected `folder` or `store`, got both')
  }
  if (folder !== undefined) return folderStore(folder)
  if (store === undefined) return null
  if (
    typeof store?.read !== 'function' ||
    typeof store.write !== 'function' ||
    typeof store.remove !== 'function'
  ) {
    throw new TypeError('Expected `store` to have the functions read, write and remove')
  }
  return store
}
