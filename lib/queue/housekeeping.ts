import { isObject } from '../data/row.js'
import type { JobQueue } from './bullmq.js'
import { type BatchJob, resultName, rowsName } from './chunk.js'
import type { ChunkStore } from './store.js'

const EVERY_MS = 10 * 60_000

/** Removes batches that were done long enough ago: BullMQ itself would remove single chunks of one that is not done. */
export class Housekeeping {
  readonly #batches: JobQueue
  readonly #store: ChunkStore | null
  readonly #timer: NodeJS.Timeout

  constructor(batches: JobQueue, store: ChunkStore | null) {
    this.#batches = batches
    this.#store = store
    // Another time will do, where the server does not answer.
    this.#timer = setInterval(() => void this.sweep().catch(() => {}), EVERY_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async sweep(now = Date.now()): Promise<void> {
    for (const job of await this.#batches.getJobs(['completed', 'failed'])) {
      if (!isObject(job?.data) || job.data.qwen3guardBatch !== 1) continue
      const batch = job.data as unknown as BatchJob
      if ((job.finishedOn ?? now) + batch.keepMs > now) continue
      if (batch.at !== undefined && !this.#store) continue
      await forget(this.#store, job.id ?? '', batch)
      await job.remove()
    }
  }
}

/** Removes a batch's chunks and results from a store; its merged output stays. */
async function forget(store: ChunkStore | null, id: string, { chunks, at }: BatchJob): Promise<void> {
  if (!store || at === undefined) return
  for (const index of chunks.keys()) {
    await store.remove(rowsName(at, index))
    await store.remove(resultName(id, index))
  }
}
