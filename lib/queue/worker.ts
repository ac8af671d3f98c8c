import { hostname } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { isObject } from '../data/row.js'
import { QueueError } from '../errors.js'
import { GenGuard, StreamGuard } from '../index.js'
import {
  closeAll,
  GivenBack,
  type JobQueue,
  type JobWorker,
  openBullMQ,
  type QueueJob,
  queueNames,
} from './bullmq.js'
import type { BatchJob } from './chunk.js'
import { type Equipment, type Judging, NotHere, workOnChunk } from './chunk-work.js'
import { heard } from './heard.js'
import { Housekeeping } from './housekeeping.js'
import { LiveFirst } from './live-first.js'
import { LiveWork } from './live-work.js'
import { mergeBatch } from './merge.js'
import { needsOf } from './needs.js'
import type { Parts } from './parts.js'
import { Solitude } from './solitude.js'
import type { ChunkStore } from './store.js'
import { checkWorkerOptions, type GuardWorkerOptions, storeOf } from './worker-options.js'

/** What a worker has done since it began. */
export interface GuardWorkerStats {
  /** Chunks that are done. */
  chunks: number
  /** Rows in them. */
  rows: number
  /** Of these rows, those that got an error in place of a verdict. */
  failed: number
  /** Chunks that were left to others: another model, another version, a full disk, a shutdown. */
  givenBack: number
  /** Single checks. */
  checks: number
}

const LOCK_MS = 30_000
const GRACE_MS = 20_000
/** What giving back may take. */
const LATE_MS = 5000
/** How long a worker looks at no chunk after one that was not for it, at first and at most. */
const REST_MS = { first: 500, most: 30_000 }
/** How far back BullMQ keeps its counts of a minute each. */
const METRICS_MINUTES = 60
/** The same note is not given again before. */
const SAME_NOTE_MS = 30_000

/**
 * Takes chunks of batches and single checks from a queue, judges them, and puts batches together that are done.
 *
 * @throws TypeError, RangeError for options; QueueError ERR_QUEUE_PACKAGE; what loading a model throws
 */
export async function createGuardWorker(options: GuardWorkerOptions): Promise<GuardWorker> {
  checkWorkerOptions(options)
  const store = storeOf(options)
  const bullmq = await openBullMQ(options)
  const { signal } = options
  // Redis takes no blanks in the name of a connection, by which workers are counted.
  const name = (options.name ?? `${hostname()}-${process.pid}`).replace(/[^\w.-]/g, '-')
  const live = new LiveFirst()
  const guards: (GenGuard | StreamGuard)[] = []
  try {
    let gen: Judging | undefined
    let stream: Judging | undefined
    if (options.gen) {
      const has = await needsOf('gen', options.gen, signal)
      const guard = await GenGuard.load({ ...(signal && { signal }), ...options.gen })
      guards.push(guard)
      gen = { has, loaded: { kind: 'gen', model: options.gen.model, guard } }
    }
    if (options.stream) {
      const has = await needsOf('stream', options.stream, signal)
      const guard = await StreamGuard.load({ ...(signal && { signal }), ...options.stream })
      guards.push(guard)
      stream = { has, loaded: { kind: 'stream', model: options.stream.model, guard } }
    }
    const equipment: Equipment = {
      gen,
      stream,
      store,
      name,
      solitude: new Solitude(),
      quiet: () => live.quiet(),
    }
    return new GuardWorker(options, bullmq, equipment, live, guards)
  } catch (error) {
    for (const guard of guards) await guard.close()
    throw error
  }
}

/** A running worker. */
export class GuardWorker implements AsyncDisposable {
  /** What it is called in results and logs. */
  readonly name: string
  readonly #equipment: Equipment
  readonly #guards: readonly (GenGuard | StreamGuard)[]
  readonly #workers: JobWorker[]
  readonly #chunkWorker: JobWorker
  readonly #mergeWorker: JobWorker
  readonly #chunks: JobQueue
  readonly #batches: JobQueue
  readonly #housekeeping: Housekeeping
  readonly #onNote: (note: string) => void
  readonly #noted = new Map<string, number>()
  readonly #inWork = new Map<string, AbortController>()
  readonly #live: LiveWork | null
  readonly #stats = { chunks: 0, rows: 0, failed: 0, givenBack: 0 }
  #restMs = REST_MS.first
  readonly #rests = new Map<JobWorker, NodeJS.Timeout>()
  #closing: Promise<void> | null = null

  /** @internal */
  constructor(
    options: GuardWorkerOptions,
    bullmq: Awaited<ReturnType<typeof openBullMQ>>,
    equipment: Equipment,
    live: LiveFirst,
    guards: readonly (GenGuard | StreamGuard)[],
  ) {
    const { queue, concurrency = 2, liveConcurrency = 32, lockMs = LOCK_MS, limiter } = options
    this.name = equipment.name
    this.#equipment = equipment
    this.#guards = guards
    this.#onNote = heard('onNote', options.onNote)
    const names = queueNames(queue)
    // A chunk that ends its worker is divided until the row is known: by then its workers were many.
    const settings = {
      name: this.name,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      maxStalledCount: 1000,
      metrics: { maxDataPoints: METRICS_MINUTES },
    }
    this.#chunks = bullmq.queue(names.chunks)
    this.#batches = bullmq.queue(names.batches)
    this.#chunkWorker = bullmq.worker(names.chunks, async (job, token) => await this.#chunk(job, token), {
      ...settings,
      concurrency,
      ...(limiter && { limiter }),
    })
    this.#mergeWorker = bullmq.worker(
      names.batches,
      async (job, token) => await this.#merge(job, token),
      settings,
    )
    this.#workers = [this.#chunkWorker, this.#mergeWorker]
    this.#live = liveConcurrency > 0 ? new LiveWork(equipment, live) : null
    if (this.#live) {
      const work = this.#live
      const checks = bullmq.worker(names.live, async (job) => await work.check(job), {
        ...settings,
        concurrency: liveConcurrency,
        // Who asked waits no longer, and asks another.
        maxStalledCount: 0,
      })
      this.#workers.push(checks)
    }
    for (const one of [...this.#workers, this.#chunks, this.#batches]) {
      one.on('error', (error) => this.#note(`queue: ${error.message || String(error)}`))
    }
    this.#chunkWorker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) this.#inWork.get(id)?.abort(new Error('the lock of the chunk has run out'))
    })
    this.#chunkWorker.on('stalled', (id) =>
      this.#note(`chunk ${id} is taken over from a worker that is gone`),
    )
    this.#chunkWorker.on('failed', (job, error) => this.#note(`chunk ${job?.id}: ${error.message}`))
    this.#housekeeping = new Housekeeping(this.#batches, equipment.store)
  }

  /** What was done. */
  stats(): GuardWorkerStats {
    return { ...this.#stats, checks: this.#live?.checks ?? 0 }
  }

  /** Resolves when the worker is connected. @throws what BullMQ says of the server */
  async ready(): Promise<void> {
    await Promise.all(this.#workers.map(async (worker) => await worker.waitUntilReady()))
  }

  /**
   * Takes nothing more, finishes the chunks in work, or gives them back when that takes longer than `graceMs` (default
   * 20,000), and closes models and connections.
   */
  close({ graceMs = GRACE_MS }: { graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    for (const rest of this.#rests.values()) clearTimeout(rest)
    this.#housekeeping.stop()
    const timer = globalThis.setTimeout(() => {
      for (const abort of this.#inWork.values()) abort.abort(new NotHere('', 'this worker is ending'))
    }, graceMs)
    // Nor for longer, where the server is gone and nothing can be given back.
    const late = new AbortController()
    await Promise.race([
      Promise.all(this.#workers.map(async (worker) => await worker.pause().catch(() => {}))),
      setTimeout(graceMs + LATE_MS, undefined, { signal: late.signal, ref: false }).catch(() => {}),
    ])
    late.abort()
    clearTimeout(timer)
    await closeAll([...this.#workers, this.#chunks, this.#batches])
    for (const guard of this.#guards) await guard.close()
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #chunk(job: QueueJob, token: string | undefined): Promise<unknown> {
    const abort = new AbortController()
    const id = job.id ?? ''
    this.#inWork.set(id, abort)
    try {
      const result = await workOnChunk(job, this.#equipment, abort.signal)
      this.#stats.chunks += 1
      this.#stats.rows += result.rows
      this.#stats.failed += result.failed
      this.#restMs = REST_MS.first
      return result
    } catch (error) {
      await this.#settle(job)
      if (error instanceof NotHere) return await this.#giveBack(this.#chunkWorker, job, token, error)
      throw error
    } finally {
      this.#inWork.delete(id)
    }
  }

  /** This worker is still there: who takes the chunk next need not wonder. */
  async #settle(job: QueueJob): Promise<void> {
    if (!isObject(job.progress) || typeof job.progress.inWork !== 'number') return
    const parts = job.progress as unknown as Parts
    await job.updateProgress({ ...parts, inWork: null, ends: 0 }).catch(() => {})
  }

  /** Others take what is not for this worker, the sooner the less it looks itself. */
  async #giveBack(
    from: JobWorker,
    job: QueueJob,
    token: string | undefined,
    { batch, message }: NotHere,
  ): Promise<never> {
    this.#stats.givenBack += 1
    if (!this.#closing) {
      const note = `${this.name} leaves work to others: ${message}`
      if (this.#note(note) && batch !== '') await this.#batches.addJobLog(batch, note, 100).catch(() => {})
      await from.pause(true)
      clearTimeout(this.#rests.get(from))
      this.#rests.set(
        from,
        globalThis.setTimeout(() => from.resume(), this.#restMs),
      )
      this.#restMs = Math.min(2 * this.#restMs, REST_MS.most)
    }
    await job.moveToWait(token)
    throw new GivenBack()
  }

  async #merge(job: QueueJob, token: string | undefined): Promise<unknown> {
    const { store } = this.#equipment
    const id = job.id ?? ''
    try {
      return await mergeBatch(this.#chunks, store, id, batchOf(job.data, store))
    } catch (error) {
      // What is wrong with a chunk stays so; a disk that is full is one machine's.
      if (error instanceof QueueError) throw new Unrecoverable(error.message, { cause: error })
      const notHere = error instanceof NotHere ? error : asNotHere(id, error)
      return await this.#giveBack(this.#mergeWorker, job, token, notHere)
    }
  }

  /** @returns whether it was given */
  #note(note: string): boolean {
    const now = Date.now()
    if (now - (this.#noted.get(note) ?? 0) < SAME_NOTE_MS) return false
    if (this.#noted.size > 1000) this.#noted.clear()
    this.#noted.set(note, now)
    this.#onNote(note)
    return true
  }
}

/** BullMQ tries no job again that ends with an error of this name. */
class Unrecoverable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UnrecoverableError'
  }
}

/** @throws NotHere for a batch that another worker must put together */
function batchOf(data: unknown, store: ChunkStore | null): BatchJob {
  if (!isObject(data) || data.qwen3guardBatch !== 1) {
    throw new NotHere('', 'this is no batch that this version of qwen3guard knows')
  }
  if (data.at !== undefined && store === null) {
    throw new NotHere('', "the batch's results lie in a shared folder, and this worker was given none")
  }
  return data as unknown as BatchJob
}

function asNotHere(batch: string, error: unknown): NotHere {
  return new NotHere(batch, error instanceof Error ? error.message : String(error), { cause: error })
}
