import type { LoadedGuard } from '../batch/judge.js'
import { addon } from '../binding/addon.js'
import { isObject } from '../data/row.js'
import type { QueueJob } from './bullmq.js'
import {
  type ChunkJob,
  type ChunkResult,
  linesOf,
  type Needs,
  packed,
  resultName,
  sha256,
  unpacked,
} from './chunk.js'
import { judgeChunk } from './judge-chunk.js'
import { refusal } from './needs.js'
import { rowOf } from './row-text.js'
import type { Solitude } from './solitude.js'
import type { ChunkStore } from './store.js'

/** A guard, and what a batch must need to be judged by it. */
export interface Judging {
  loaded: LoadedGuard
  has: Needs
}

/** What a worker has to judge chunks with. */
export interface Equipment {
  gen: Judging | undefined
  stream: Judging | undefined
  store: ChunkStore | null
  name: string
  solitude: Solitude
  quiet(): Promise<void>
}

/** A chunk is not for this worker, or not now: another shall have it. */
export class NotHere extends Error {
  readonly batch: string
  constructor(batch: string, because: string, options?: ErrorOptions) {
    super(because, options)
    this.batch = batch
  }
}

/**
 * Judges a chunk, once: what another worker has written of it already is taken as it is.
 *
 * @throws NotHere for a chunk that this worker refuses or cannot read or write; `signal.reason`; an error for another try
 */
export async function workOnChunk(
  job: QueueJob,
  equipment: Equipment,
  signal: AbortSignal,
): Promise<ChunkResult> {
  const chunk = chunkOf(job.data)
  const { batch, index, needs, task } = chunk
  const judging = equipment[needs.kind]
  const because = refusal(needs, judging?.has)
  if (because !== null || judging === undefined) throw new NotHere(batch, because ?? 'no model')
  const store = chunk.lines === undefined ? requireStore(equipment.store, batch) : null
  const named = { batch, index, worker: equipment.name, flavour: addon().binding.systemInfo().flavour }
  const written = store && (await here(batch, () => store.read(resultName(batch, index))))
  if (written) return { ...named, ...resultOf(written, chunk), tokens: 0, leftOut: {}, notes: [] }

  const rows = linesOf(await rowsOf(chunk, store)).map(rowOf)
  const tokensBefore = judging.loaded.guard.stats().tokensDecoded
  const { lines, failed, leftOut, notes } = await judgeChunk(judging.loaded, task, rows, {
    earlier: job.progress,
    record: async (parts) => await job.updateProgress(parts),
    solitude: equipment.solitude,
    quiet: equipment.quiet,
    mayGoElsewhere: job.attemptsMade + 1 < (job.opts.attempts ?? 1),
    signal,
  })
  const bytes = Buffer.from(lines.join(''))
  if (store) await here(batch, () => store.write(resultName(batch, index), bytes))
  const tokens = judging.loaded.guard.stats().tokensDecoded - tokensBefore
  const result = { ...named, rows: rows.length, failed, sha256: sha256(bytes), tokens, leftOut, notes }
  return store ? result : { ...result, lines: await packed(bytes) }
}

function chunkOf(data: unknown): ChunkJob {
  if (!isObject(data) || data.qwen3guardChunk !== 1) {
    const batch = isObject(data) && typeof data.batch === 'string' ? data.batch : ''
    throw new NotHere(batch, 'this is no chunk that this version of qwen3guard knows')
  }
  return data as unknown as ChunkJob
}

function requireStore(store: ChunkStore | null, batch: string): ChunkStore {
  if (store) return store
  throw new NotHere(batch, "the batch's rows lie in a shared folder, and this worker was given none")
}

async function rowsOf({ batch, lines, at = '', sha256: expected }: ChunkJob, store: ChunkStore | null) {
  const bytes =
    lines === undefined ? await here(batch, async () => await store?.read(at)) : await unpacked(lines)
  if (!bytes) throw new NotHere(batch, `${at} is not in this worker's folder: is it the submitter's?`)
  if (sha256(bytes) !== expected) throw new NotHere(batch, `${at} holds other rows than were submitted`)
  return bytes
}

/** Runs what may fail at this worker and succeed at another: its disk is full, its mount is gone. */
async function here<T>(batch: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new NotHere(batch, error instanceof Error ? error.message : String(error), { cause: error })
  }
}

/** What can be told of an output that is there. */
function resultOf(bytes: Uint8Array, { batch, rows, index }: ChunkJob) {
  const lines = linesOf(bytes)
  if (lines.length !== rows) {
    throw new NotHere(batch, `${resultName(batch, index)} has ${lines.length} of ${rows} rows: delete it`)
  }
  const failed = lines.filter((line) => 'error' in (JSON.parse(line) as object)).length
  return { rows, failed, sha256: sha256(bytes) }
}
