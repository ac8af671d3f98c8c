import { setTimeout } from 'node:timers/promises'
import { QueueError } from '../errors.js'
import { checkKeys, checkSignal, checkTimeout, type Keys } from '../options.js'
import { untilAborted } from '../until-aborted.js'
import {
  closeAll,
  type JobQueue,
  openBullMQ,
  type QueueJob,
  type QueueOptions,
  queueNames,
} from './bullmq.js'
import type { BatchDone, BatchJob } from './chunk.js'
import { linesOf } from './chunk.js'
import { rowsIn } from './enqueue.js'
import { heard } from './heard.js'
import { type ReadChunk, readChunks } from './merge.js'
import { type StoreOptions, storeOf } from './worker-options.js'

/** How far a batch is, in all workers together. */
export interface BatchProgress {
  /** Of the batch, and the chunks it is cut into. */
  rows: number
  chunks: number
  /** Chunks that are judged. */
  done: number
  /** Rows in them, as far as chunks are alike. */
  doneRows: number
  /** Workers that are connected to the queue. */
  workers: number
}

/** Options of `awaitBatch`. */
export interface AwaitOptions extends QueueOptions, StoreOptions {
  /** Told how far the batch is, every `pollMs`. */
  onProgress?(progress: BatchProgress): void
  /** Told what workers say of the batch, such as that one refuses its chunks and why, and of connections that are lost. */
  onNote?(note: string): void
  /** Milliseconds between two looks. Default 1000. */
  pollMs?: number
  /** Aborts the waiting; the batch goes on. */
  signal?: AbortSignal
}

const KEYS: Keys<AwaitOptions> = {
  queue: true,
  connection: true,
  bullmq: true,
  folder: true,
  store: true,
  onProgress: true,
  onNote: true,
  pollMs: true,
  signal: true,
}

/** A batch that is done: each chunk was there once, in order, and whole. */
export interface BatchResult {
  id: string
  /** Of the input, and of the output. */
  rows: number
  /** Rows with an error in place of a verdict. */
  failed: number
  chunks: number
  /** sha256 of all output lines with their line breaks. */
  sha256: string
  /** Of a folder or store: the name under which all lines lie, where `merge` was not false. */
  output: string | null
  /**
   * The output's lines, without their line breaks, in the order of the rows.
   *
   * @throws QueueError ERR_BATCH_LOST where a chunk was removed meanwhile
   */
  lines(): AsyncGenerator<string, void, undefined>
}

/**
 * Waits until a batch is done, however long its workers take, or none is there.
 *
 * @param id of `enqueueBatch`
 * @throws QueueError ERR_BATCH_LOST for a batch that the queue does not know (any more): enqueue it again; ERR_BATCH_FAILED
 *   with the reason; TypeError, RangeError; `signal.reason`
 */
export async function awaitBatch(id: string, options: AwaitOptions): Promise<BatchResult> {
  checkKeys('the options of awaitBatch', options, KEYS)
  checkTimeout('pollMs', options.pollMs)
  checkSignal(options.signal)
  const { done, job } = await whenDone(id, options)
  const { rows, failed, chunks, sha256, output = null } = done
  const lines = async function* () {
    for await (const { bytes } of readBatch(id, job, options)) yield* linesOf(bytes)
  }
  return { id, rows, failed, chunks, sha256, output, lines }
}

/** Between two tries to read from a server that does not answer. */
const RETRY_MS = 500

/** Waits as {@link awaitBatch}. */
export async function whenDone(
  id: string,
  options: AwaitOptions,
): Promise<{ done: BatchDone; job: BatchJob }> {
  const { signal, pollMs = 1000 } = options
  const note = heard('onNote', options.onNote)
  const names = queueNames(options.queue)
  const bullmq = await openBullMQ(options)
  const [batches, chunks] = [bullmq.queue(names.batches), bullmq.queue(names.chunks)]
  for (const one of [batches, chunks]) one.on('error', (error) => note(`queue: ${error.message}`))
  const look = new Look(id, batches, chunks, options)
  try {
    while (true) {
      signal?.throwIfAborted()
      const found = await untilAborted(look.once(), signal)
      if (found) return found
      await setTimeout(pollMs, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted())
    }
  } finally {
    await closeAll([batches, chunks])
  }
}

/** Looks at a batch, again and again. */
class Look {
  readonly #id: string
  readonly #batches: JobQueue
  readonly #chunks: JobQueue
  readonly #options: AwaitOptions
  #logs = 0

  constructor(id: string, batches: JobQueue, chunks: JobQueue, options: AwaitOptions) {
    this.#id = id
    this.#batches = batches
    this.#chunks = chunks
    this.#options = options
  }

  /** What it is when it is done; null before, and when the server does not answer. @throws QueueError */
  async once(): Promise<{ done: BatchDone; job: BatchJob } | null> {
    try {
      return await this.#look()
    } catch (error) {
      if (error instanceof QueueError) throw error
      heard(
        'onNote',
        this.#options.onNote,
      )(`queue: ${error instanceof Error ? error.message : String(error)}`)
      return null
    }
  }

  async #look(): Promise<{ done: BatchDone; job: BatchJob } | null> {
    const job = await this.#batches.getJob(this.#id)
    if (!job) {
      throw new QueueError(
        `the queue has no batch ${this.#id}: it was removed, or lost in a restart without persistence. Enqueue it again`,
        'ERR_BATCH_LOST',
      )
    }
    const state = await job.getState()
    await this.#sayLogs()
    if (state === 'failed') throw await this.#failure(job)
    const batch = job.data as BatchJob
    // Between two looks: the state is newer than what was read of the job.
    if (state === 'completed') {
      const finished = await this.#batches.getJob(this.#id)
      return finished?.returnvalue ? { done: finished.returnvalue as BatchDone, job: batch } : null
    }
    await this.#sayProgress(job, batch)
    return null
  }

  async #sayLogs(): Promise<void> {
    const { onNote } = this.#options
    if (!onNote) return
    const { logs } = await this.#batches.getJobLogs(this.#id, this.#logs)
    this.#logs += logs.length
    for (const line of logs) heard('onNote', onNote)(line)
  }

  async #sayProgress(job: QueueJob, batch: BatchJob): Promise<void> {
    const { onProgress } = this.#options
    if (!onProgress) return
    const { processed: done = 0 } = await job.getDependenciesCount()
    const [rows, chunks] = [rowsIn(batch), batch.chunks.length]
    const doneRows = chunks === 0 ? 0 : Math.min(rows, Math.round((rows * done) / chunks))
    const workers = await this.#chunks.getWorkersCount()
    heard('onProgress', onProgress)({ rows, chunks, done, doneRows, workers })
  }

  async #failure({ failedReason }: QueueJob): Promise<QueueError> {
    const failed = await this.#chunks.getJobs(['failed'], 0, 100)
    const chunk = failed.find(({ id }) => id?.startsWith(`${this.#id}-`))
    const reason = chunk ? `chunk ${chunk.id}: ${chunk.failedReason}` : failedReason
    return new QueueError(
      `the batch has failed in every worker that tried: ${reason}. Enqueue it again to try anew`,
      'ERR_BATCH_FAILED',
    )
  }
}

/** The chunks of a batch that is done, in order. @throws QueueError, the store's error */
export async function* readBatch(
  id: string,
  job: BatchJob,
  options: QueueOptions & StoreOptions & Pick<AwaitOptions, 'onNote' | 'signal'>,
): AsyncGenerator<ReadChunk, void, undefined> {
  const store = storeOf(options)
  if (job.at !== undefined && store === null) {
    throw new TypeError('Expected `folder` or `store`: the rows of this batch lie in one')
  }
  const bullmq = await openBullMQ(options)
  const chunks = bullmq.queue(queueNames(options.queue).chunks)
  const note = heard('onNote', options.onNote)
  chunks.on('error', (error) => note(`queue: ${error.message}`))
  // A server that is away while a batch's results are read is waited for, as it is while they are made.
  const getJob = async (chunk: string) => {
    while (true) {
      options.signal?.throwIfAborted()
      try {
        return await untilAborted(chunks.getJob(chunk), options.signal)
      } catch (error) {
        options.signal?.throwIfAborted()
        note(`queue: ${error instanceof Error ? error.message : String(error)}`)
        await untilAborted(setTimeout(RETRY_MS), options.signal)
      }
    }
  }
  try {
    for await (const chunk of readChunks({ getJob }, store, id, job)) {
      options.signal?.throwIfAborted()
      yield chunk
    }
  } finally {
    await closeAll([chunks])
  }
}
