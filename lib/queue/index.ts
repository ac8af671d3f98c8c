export type { TooLong } from '../batch/fit.js'
export type { ColumnUse } from '../data/column-names.js'
export type { ColumnFlags } from '../data/columns.js'
export type { RowFormat } from '../data/row.js'
export { GuardUnavailableError, QueueError } from '../errors.js'
export { type AwaitOptions, awaitBatch, type BatchProgress, type BatchResult } from './await.js'
export type { BatchSource } from './batch-source.js'
export type { BullMQ, QueueOptions } from './bullmq.js'
export {
  createGuardClient,
  GuardClient,
  type GuardClientOptions,
  type LiveCheckOptions,
} from './client/client.js'
export type { LiveVerdict } from './client/live-verdict.js'
export type { GuardServer, ServerState } from './client/server-pool.js'
export type { LiveReplyOptions } from './client/sticky-reply.js'
export { type EnqueuedBatch, type EnqueueOptions, enqueueBatch } from './enqueue.js'
export { queueMetrics } from './metrics.js'
export { type ChunkStore, folderStore } from './store.js'
export { createGuardWorker, GuardWorker, type GuardWorkerStats } from './worker.js'
export type { GuardWorkerOptions, StoreOptions } from './worker-options.js'
