import { createHash } from 'node:crypto'
import { isObject } from '../data/row.js'
import { QueueError } from '../errors.js'
import type { JobQueue } from './bullmq.js'
import {
  type BatchDone,
  type BatchJob,
  type ChunkResult,
  chunkId,
  outputName,
  resultName,
  sha256,
  unpacked,
} from './chunk.js'
import type { ChunkStore } from './store.js'

/** A chunk that was judged: its result and its output's lines. */
export interface ReadChunk {
  result: ChunkResult
  bytes: Uint8Array
}

/**
 * The chunks of a batch, in order, each compared with what its worker said of it.
 *
 * @throws QueueError ERR_BATCH_LOST where one is not there, ERR_BATCH_FAILED where it is another than it should be
 */
export async function* readChunks(
  chunks: Pick<JobQueue, 'getJob'>,
  store: ChunkStore | null,
  batch: string,
  { chunks: rows, at }: BatchJob,
): AsyncGenerator<ReadChunk, void, undefined> {
  for (const [index, count] of rows.entries()) {
    const id = chunkId(batch, index)
    const result = (await chunks.getJob(id))?.returnvalue
    if (!isResult(result)) throw new QueueError(`chunk ${id} has no result in the queue`, 'ERR_BATCH_LOST')
    const bytes = await bytesOf(result, at === undefined ? null : store, batch, index)
    if (bytes === null) throw new QueueError(`chunk ${id} has no rows where they should be`, 'ERR_BATCH_LOST')
    const what = mistake(result, bytes, batch, index, count)
    if (what !== null) {
      // Or it would be taken as it is when the batch is enqueued again.
      if (at !== undefined) await store?.remove(resultName(batch, index))
      throw new QueueError(`chunk ${id} ${what}`, 'ERR_BATCH_FAILED')
    }
    yield { result, bytes }
  }
}

async function bytesOf(
  { lines }: ChunkResult,
  store: ChunkStore | null,
  batch: string,
  index: number,
): Promise<Uint8Array | null> {
  if (store) return await store.read(resultName(batch, index))
  return lines === undefined ? null : await unpacked(lines)
}

function mistake(
  result: ChunkResult,
  bytes: Uint8Array,
  batch: string,
  index: number,
  rows: number,
): string | null {
  if (result.batch !== batch || result.index !== index) {
    return `has the result of chunk ${result.index + 1} of ${result.batch}`
  }
  let lines = 0
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) lines += 1
  if (lines !== rows || result.rows !== rows) return `has ${lines} rows, and ${rows} were given`
  return sha256(bytes) === result.sha256 ? null : 'holds other rows than its worker wrote'
}

function isResult(value: unknown): value is ChunkResult {
  return isObject(value) && typeof value.sha256 === 'string' && typeof value.index === 'number'
}

/**
 * The work of a batch's own job, when all its chunks are done: looks at each chunk, once and in order, and puts them together
 * where a store can.
 *
 * @throws QueueError as {@link readChunks}; the store's error
 */
export async function mergeBatch(
  chunks: JobQueue,
  store: ChunkStore | null,
  batch: string,
  job: BatchJob,
): Promise<BatchDone> {
  const hash = createHash('sha256')
  let [rows, failed] = [0, 0]
  for await (const { result, bytes } of readChunks(chunks, store, batch, job)) {
    hash.update(bytes)
    rows += result.rows
    failed += result.failed
  }
  const done = { rows, failed, chunks: job.chunks.length, sha256: hash.digest('hex') }
  if (job.at === undefined || !job.merge || !store?.join) return done
  const output = outputName(batch)
  await store.join(
    output,
    job.chunks.map((_, index) => resultName(batch, index)),
  )
  return { ...done, output }
}
