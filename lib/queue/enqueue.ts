import { randomBytes } from 'node:crypto'
import { checkTooLong, type TooLong } from '../batch/fit.js'
import { REWARDS_NEED_GEN } from '../batch/row-reward.js'
import { VERDICT_FIELDS, type VerdictField } from '../batch/verdict-fields.js'
import type { ColumnFlags } from '../data/columns.js'
import { InputError } from '../data/input-error.js'
import type { Row, RowFormat } from '../data/row.js'
import type { HistoryTooLong } from '../history.js'
import type { Policy } from '../index.js'
import type { UnsupportedParts } from '../input.js'
import { describeGguf } from '../models/gguf/describe.js'
import { readModelHeader } from '../models/gguf/split.js'
import { resolveModel } from '../models/resolve.js'
import { checkKeys, checkSignal, checkTimeout, type Keys } from '../options.js'
import { checkPolicy } from '../policy.js'
import { type BatchSource, rowsOfSource } from './batch-source.js'
import { closeAll, type FlowJob, openBullMQ, type QueueJob, type QueueOptions, queueNames } from './bullmq.js'
import {
  type BatchJob,
  batchId,
  type ChunkJob,
  chunkId,
  packed,
  type RowTask,
  rowsName,
  sha256,
} from './chunk.js'
import { heard } from './heard.js'
import { type NeededOptions, needsOf } from './needs.js'
import { rowText } from './row-text.js'
import type { ChunkStore } from './store.js'
import { checkCount, type StoreOptions, storeOf } from './worker-options.js'

/** Options of `enqueueBatch`. */
export interface EnqueueOptions extends QueueOptions, StoreOptions, NeededOptions {
  /** What the verdicts call the model. Default: `model`. */
  modelName?: string
  /** Rows of a chunk, from 1 to 4096. Default 256. A chunk of long rows has fewer. */
  chunkRows?: number
  /** Format of the files, where their names do not say it. */
  format?: RowFormat
  /** Columns that are judged, where they are not called `prompt`, `response` or `messages`. */
  columns?: ColumnFlags
  /** Written with each verdict: the policy's action. */
  policy?: Policy
  /** What is written of a verdict. Default: all. */
  fields?: VerdictField[]
  /** As for `classify` and `open`. */
  tooLong?: TooLong
  /** As for `classify` and `open`. */
  history?: HistoryTooLong
  /** Default `'skip'`. */
  unsupportedParts?: UnsupportedParts
  /**
   * Milliseconds, above 0, that a row may take in a worker, its waiting for others included; one without a verdict then
   * gets the error `ERR_ROW_TIMEOUT`. Default: as long as it takes.
   */
  rowTimeoutMs?: number
  /** From 1, the first, to 2,000,000. Default 1000. Single checks go before all. */
  priority?: number
  /** Whether the results are joined in the folder when all are there. Default true. */
  merge?: boolean
  /** How long what is done is kept for those who wait for it. Default: a day. */
  keepMs?: number
  /** Told of connections that are lost. */
  onNote?(note: string): void
  /** Aborts the reading and adding; a batch that is added goes on. */
  signal?: AbortSignal
}

type Notes = Pick<EnqueueOptions, 'onNote'>

const KEYS: Keys<EnqueueOptions> = {
  queue: true,
  connection: true,
  bullmq: true,
  folder: true,
  store: true,
  model: true,
  modelName: true,
  contextSize: true,
  kvType: true,
  flashAttention: true,
  deterministic: true,
  chatTemplate: true,
  chunkRows: true,
  format: true,
  columns: true,
  policy: true,
  fields: true,
  tooLong: true,
  history: true,
  unsupportedParts: true,
  rowTimeoutMs: true,
  priority: true,
  merge: true,
  keepMs: true,
  onNote: true,
  signal: true,
}

/** A batch that is in the queue. */
export interface EnqueuedBatch {
  /** For `awaitBatch`: the same for the same rows, model, policy and version. */
  id: string
  /** Of the input, and the chunks they are cut into. */
  rows: number
  chunks: number
  /** Whether it was there before. */
  attached: boolean
}

/**
 * Puts rows into a queue, in chunks, for workers to judge. What is there already is not added again.
 *
 * @throws TypeError, RangeError for options; InputError for files; ModelFileError; QueueError ERR_QUEUE_PACKAGE
 */
export async function enqueueBatch(source: BatchSource, options: EnqueueOptions): Promise<EnqueuedBatch> {
  checkKeys('the options of enqueueBatch', options, KEYS)
  const {
    format,
    signal,
    policy,
    fields,
    model,
    tooLong = 'error',
    history = 'error',
    rowTimeoutMs,
  } = options
  if (typeof model !== 'string')
    throw new TypeError(`Expected \`model\` to be a string, got ${String(model)}`)
  if (policy !== undefined) checkPolicy(policy)
  checkFields(fields)
  checkTimeout('rowTimeoutMs', rowTimeoutMs)
  if (rowTimeoutMs === 0) throw new RangeError('Expected `rowTimeoutMs` to be above 0 milliseconds, got 0')
  const { rows, manySources } = await rowsOfSource(source, {
    ...(format && { format }),
    ...(signal && { signal }),
  })
  const task: RowTask = {
    fit: { tooLong, history },
    ...{ fields, policy, manySources, rewards: undefined },
    ...(rowTimeoutMs !== undefined && { rowTimeoutMs }),
    nameRows: options.columns?.id !== undefined,
    columns: options.columns ?? {},
    unsupportedParts: options.unsupportedParts ?? 'skip',
    model: options.modelName ?? model,
  }
  return await enqueueRows(rows, task, options)
}

function checkFields(fields: unknown): void {
  if (fields === undefined) return
  const unknown = Array.isArray(fields) ? fields.find((name) => !VERDICT_FIELDS.includes(name)) : fields
  if (unknown !== undefined) {
    throw new TypeError(
      `Expected \`fields\` to have any of ${VERDICT_FIELDS.join(', ')}, got ${String(unknown)}`,
    )
  }
}

const CHUNK_ROWS = { usual: 256, most: 4096 }
/** Of a chunk's lines: a queue is no place for more at once. */
const CHUNK_LENGTH = 4 * 1024 * 1024
/** Of all chunks, packed, that travel through the queue. */
const MOST_BYTES = 1024 ** 3
const MOST_CHUNKS = 20_000
const DAY_MS = 24 * 60 * 60_000
const PRIORITY = 1000
/** Where a worker had an error that is not a row's. */
const RETRIES = { attempts: 8, backoff: { type: 'exponential', delay: 500 } }

/**
 * Rows and what is done with them, as the command line has them.
 *
 * @param again whether a batch that is there is judged anew: its results are gone
 */
export async function enqueueRows(
  rows: AsyncIterable<Row>,
  task: RowTask,
  options: QueueOptions &
    StoreOptions &
    NeededOptions &
    Pick<EnqueueOptions, 'chunkRows' | 'priority' | 'merge' | 'keepMs' | 'signal' | 'onNote'>,
  again = false,
): Promise<EnqueuedBatch> {
  const { signal, chunkRows = CHUNK_ROWS.usual, priority = PRIORITY, keepMs = DAY_MS, merge = true } = options
  checkCount('chunkRows', chunkRows, 1)
  if (chunkRows > CHUNK_ROWS.most) {
    throw new RangeError(`Expected \`chunkRows\` to be at most ${CHUNK_ROWS.most}, got ${chunkRows}`)
  }
  checkCount('priority', priority, 1)
  checkTimeout('keepMs', keepMs)
  checkSignal(signal)
  const store = storeOf(options)
  const names = queueNames(options.queue)
  const kind = await kindOf(options.model, signal)
  checkTooLong(kind, task.fit.tooLong)
  if (task.rewards && kind !== 'gen') throw new InputError(REWARDS_NEED_GEN)
  const needs = await needsOf(kind, options, signal)
  const at = store === null ? undefined : `rows-${randomBytes(8).toString('hex')}`
  const chunks: Chunk[] = []
  try {
    let packedBytes = 0
    for await (const lines of chunked(rows, chunkRows)) {
      signal?.throwIfAborted()
      const bytes = Buffer.from(lines.join(''))
      const chunk: Chunk = { rows: lines.length, sha256: sha256(bytes) }
      if (store && at !== undefined) {
        chunk.at = rowsName(at, chunks.length)
        await store.write(chunk.at, bytes)
      } else {
        chunk.lines = await packed(bytes)
        packedBytes += chunk.lines.length
        if (packedBytes > MOST_BYTES)
          throw tooMuch('more rows than a queue should hold: give a shared folder')
      }
      chunks.push(chunk)
      if (chunks.length > MOST_CHUNKS)
        throw tooMuch(`more than ${MOST_CHUNKS} chunks: let each have more rows`)
    }
    const id = batchId(needs, task, chunks)
    const job: BatchJob = {
      qwen3guardBatch: 1,
      version: needs.version,
      chunks: chunks.map(({ rows }) => rows),
      ...(at !== undefined && { at }),
      ...{ merge, keepMs },
    }
    const children = chunks.map((chunk, index) => ({
      name: 'chunk',
      queueName: names.chunks,
      data: { qwen3guardChunk: 1, batch: id, index, ...chunk, needs, task } satisfies ChunkJob,
      opts: { jobId: chunkId(id, index), priority, failParentOnFailure: true, ...RETRIES },
    }))
    const opts = { jobId: id, ...RETRIES }
    const flow = { name: 'batch', queueName: names.batches, data: job, opts, children }
    const there = await add(options, names.batches, flow, again)
    if (store && at !== undefined && there.at !== at) await forgetRows(store, at, chunks.length)
    return { id, rows: rowsIn(job), chunks: chunks.length, attached: there.attached }
  } catch (error) {
    if (store && at !== undefined) await forgetRows(store, at, chunks.length).catch(() => {})
    throw error
  }
}

type Chunk = Pick<ChunkJob, 'rows' | 'sha256' | 'lines' | 'at'>

/** Adds a batch unless it is there; one that has failed is added anew. */
async function add(
  options: QueueOptions & Notes,
  name: string,
  flow: FlowJob & { opts: { jobId: string } },
  again: boolean,
): Promise<{ attached: boolean; at: string | undefined }> {
  const bullmq = await openBullMQ(options)
  const [batches, flows] = [bullmq.queue(name), bullmq.flows()]
  try {
    for (const one of [batches, flows])
      one.on('error', (error) => heard('onNote', options.onNote)(`queue: ${error.message}`))
    const existing = await batches.getJob(flow.opts.jobId)
    if (existing && !again && !(await hasFailed(existing))) {
      return { attached: true, at: (existing.data as BatchJob).at }
    }
    // With its chunks. Their results stay where they lie in a store, and are taken from there.
    await existing?.remove()
    await flows.add(flow)
    // Another submitter may have been first.
    const added = await batches.getJob(flow.opts.jobId)
    return { attached: false, at: (added?.data as BatchJob | undefined)?.at }
  } finally {
    await closeAll([batches, flows])
  }
}

async function hasFailed(job: QueueJob): Promise<boolean> {
  return (await job.getState()) === 'failed'
}

/** Lines of rows, by chunks. */
async function* chunked(rows: AsyncIterable<Row>, most: number): AsyncGenerator<string[]> {
  let lines: string[] = []
  let size = 0
  for await (const row of rows) {
    const line = `${rowText(row)}\n`
    if (lines.length > 0 && (lines.length >= most || size + line.length > CHUNK_LENGTH)) {
      yield lines
      lines = []
      size = 0
    }
    lines.push(line)
    size += line.length
  }
  if (lines.length > 0) yield lines
}

async function forgetRows(store: ChunkStore, at: string, chunks: number): Promise<void> {
  for (let index = 0; index < chunks; index++) await store.remove(rowsName(at, index))
}

/** How many rows a batch has. */
export function rowsIn({ chunks }: BatchJob): number {
  return chunks.reduce((sum, rows) => sum + rows, 0)
}

function tooMuch(what: string): RangeError {
  return new RangeError(`The batch has ${what}`)
}

async function kindOf(model: string, signal: AbortSignal | undefined): Promise<'gen' | 'stream'> {
  const path = resolveModel(model, 'gen')
  const { variant } = describeGguf(await readModelHeader(path, signal ? { signal } : {}))
  return variant === 'stream' ? 'stream' : 'gen'
}
