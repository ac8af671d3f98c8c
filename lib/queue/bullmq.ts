import { QueueError } from '../errors.js'

/** Of a job of BullMQ what is used here. */
export interface QueueJob {
  id?: string | undefined
  name: string
  data: unknown
  progress: unknown
  returnvalue: unknown
  failedReason?: string | undefined
  attemptsMade: number
  opts: { attempts?: number | undefined }
  parent?: { id: string } | undefined
  timestamp: number
  finishedOn?: number | undefined
  updateProgress(progress: object): Promise<void>
  moveToWait(token?: string): Promise<number>
  getDependenciesCount(): Promise<{ processed?: number; unprocessed?: number; failed?: number }>
  getState(): Promise<string>
  remove(): Promise<void>
}

/** Of a queue of BullMQ what is used here. */
export interface JobQueue {
  add(name: string, data: unknown, options?: object): Promise<QueueJob>
  getJob(id: string): Promise<QueueJob | null | undefined>
  getJobs(states: ('completed' | 'failed')[], start?: number, end?: number): Promise<QueueJob[]>
  getJobCounts(): Promise<Record<string, number>>
  getWorkersCount(): Promise<number>
  addJobLog(id: string, line: string, keep?: number): Promise<number>
  getJobLogs(id: string, start?: number, end?: number): Promise<{ logs: string[]; count: number }>
  exportPrometheusMetrics(labels?: Record<string, string>): Promise<string>
  on(event: 'error', listener: (error: Error) => void): unknown
  close(): Promise<void>
  disconnect(): Promise<void>
}

/** Of a worker of BullMQ what is used here. */
export interface JobWorker {
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'lockRenewalFailed', listener: (ids: string[]) => void): unknown
  on(event: 'stalled', listener: (id: string) => void): unknown
  on(event: 'failed', listener: (job: QueueJob | undefined, error: Error) => void): unknown
  pause(doNotWaitActive?: boolean): Promise<void>
  resume(): unknown
  waitUntilReady(): Promise<unknown>
  close(force?: boolean): Promise<void>
  disconnect(): Promise<void>
}

/** Of a flow producer of BullMQ what is used here. */
export interface JobFlows {
  add(flow: FlowJob): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
  close(): Promise<void>
  disconnect(): Promise<void>
}

export interface FlowJob {
  name: string
  queueName: string
  data: unknown
  opts?: object
  children?: FlowJob[]
}

/** Of the events of a queue of BullMQ what is used here. */
export interface JobEvents {
  on(event: 'completed', listener: (event: { jobId: string; returnvalue: unknown }) => void): unknown
  on(event: 'failed', listener: (event: { jobId: string; failedReason: string }) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  waitUntilReady(): Promise<unknown>
  close(): Promise<void>
  disconnect(): Promise<void>
}

/**
 * The classes of BullMQ 6: `import * as bullmq from 'bullmq'`, or what its `withBackend()` gives. Any class goes whose
 * instances have what is used here.
 */
export interface BullMQ {
  /** Holds jobs. */
  Queue: new (
    ...options: never[]
  ) => object
  /** Works on jobs. */
  Worker: new (
    ...options: never[]
  ) => object
  /** Adds a batch with all its chunks. */
  FlowProducer: new (
    ...options: never[]
  ) => object
  /** Tells a client that its check is done. */
  QueueEvents: new (
    ...options: never[]
  ) => object
}

/** Which queue, and how it is reached. */
export interface QueueOptions {
  /** The queue's name; `-batches` and `-live` are appended for its companions. Default `'qwen3guard'`. */
  queue?: string
  /**
   * `redis://…`, `rediss://…` or `postgres://…`, or what BullMQ takes as `connection`: options, or a client (with
   * `maxRetriesPerRequest: null`), which stays the caller's to close.
   */
  connection: string | object
  /** BullMQ's classes, where they are not to be loaded from the package `bullmq`. */
  bullmq?: BullMQ
}

/** BullMQ's classes with the connection filled in. */
export interface OpenBullMQ {
  queue(name: string): JobQueue
  flows(): JobFlows
  events(name: string): JobEvents
  worker(
    name: string,
    work: (job: QueueJob, token?: string, signal?: AbortSignal) => Promise<unknown>,
    options: object,
  ): JobWorker
}

/** Names of the three queues of one name: chunks of batches, the batches themselves, and single checks. */
export function queueNames(name = 'qwen3guard'): { chunks: string; batches: string; live: string } {
  if (typeof name !== 'string' || name === '' || name.includes(':')) {
    throw new TypeError(
      `Expected \`queue\` to be a name without a colon, got ${JSON.stringify(name) ?? String(name)}`,
    )
  }
  return { chunks: name, batches: `${name}-batches`, live: `${name}-live` }
}

/**
 * @throws QueueError ERR_QUEUE_PACKAGE where BullMQ, or the client that an address needs, is not installed; TypeError for
 *   no connection
 */
export async function openBullMQ({ connection, bullmq }: Omit<QueueOptions, 'queue'>): Promise<OpenBullMQ> {
  if ((typeof connection !== 'string' || connection === '') && !isObject(connection)) {
    throw new TypeError(
      `Expected \`connection\` to be an address such as redis://localhost:6379 or postgres://localhost/guard, or BullMQ's connection, got ${String(connection)}`,
    )
  }
  const address = typeof connection === 'string' ? schemeOf(connection) : null
  const classes = bullmq ?? (await load(address))
  const settings = { connection: address === null ? connection : settingsOf(connection as string, address) }
  const make = <T>(type: new (...options: never[]) => object, ...options: unknown[]): T =>
    new (type as unknown as new (...options: unknown[]) => T)(...options)
  return {
    queue: (name) => make(classes.Queue, name, settings),
    flows: () => make(classes.FlowProducer, settings),
    events: (name) => make(classes.QueueEvents, name, settings),
    worker: (name, work, options) => make(classes.Worker, name, work, { ...settings, ...options }),
  }
}

type Scheme = 'redis' | 'postgres'

function schemeOf(address: string): Scheme {
  if (/^rediss?:\/\//i.test(address)) return 'redis'
  if (/^postgres(?:ql)?:\/\//i.test(address)) return 'postgres'
  // Without what stands in it: it may hold a password.
  const [scheme = ''] = address.split('//', 1)
  throw new TypeError(
    `Expected a queue's address to begin with redis://, rediss:// or postgres://, got ${scheme.slice(0, 20) || 'nothing'}`,
  )
}

function settingsOf(address: string, scheme: Scheme): object {
  return scheme === 'postgres'
    ? { connectionString: address, migrate: true }
    : { url: address, maxRetriesPerRequest: null }
}

async function load(address: Scheme | null): Promise<BullMQ> {
  const missing: string[] = []
  const get = async (name: string): Promise<Record<string, unknown>> => {
    try {
      return (await import(name)) as Record<string, unknown>
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
      missing.push(name)
      return {}
    }
  }
  const bullmq = await get('bullmq')
  // BullMQ loads it itself, and says less where it is not there.
  if (address !== null) await get(address === 'redis' ? 'ioredis' : 'pg')
  if (missing.length > 0) {
    throw new QueueError(
      `a queue ${address === 'postgres' ? 'in PostgreSQL' : 'in Redis'} needs ${missing.join(' and ')}, which ${missing.length > 1 ? 'are' : 'is'} not installed: npm install ${missing.join(' ')}`,
      'ERR_QUEUE_PACKAGE',
    )
  }
  const { withBackend, createPostgresBackend } = bullmq
  if (typeof withBackend !== 'function') {
    throw new QueueError('the installed bullmq is older than 6: npm install bullmq@6', 'ERR_QUEUE_PACKAGE')
  }
  return (address === 'postgres' ? withBackend(createPostgresBackend) : bullmq) as unknown as BullMQ
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Thrown in a job's work after it was moved back to wait: BullMQ knows the name, and counts no attempt. */
export class GivenBack extends Error {
  constructor() {
    super('the job was given back')
    this.name = 'WaitingError'
  }
}

/** How long a close may wait for a server that does not answer. */
const CLOSE_MS = 5000

/** Closes connections, also to a server that is gone. */
export async function closeAll(closable: readonly { close(): Promise<void>; disconnect(): Promise<void> }[]) {
  await Promise.all(
    closable.map(async (one) => {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), CLOSE_MS)
      })
      const closed = await Promise.race([one.close().catch(() => 'late' as const), late])
      clearTimeout(timer)
      if (closed === 'late') void one.disconnect().catch(() => {})
    }),
  )
}
