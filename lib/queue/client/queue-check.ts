import { randomUUID } from 'node:crypto'
import { GuardBusyError, GuardUnavailableError } from '../../errors.js'
import type { Message } from '../../types.js'
import { untilAborted } from '../../until-aborted.js'
import {
  closeAll,
  type JobEvents,
  type JobQueue,
  openBullMQ,
  type QueueOptions,
  queueNames,
} from '../bullmq.js'
import type { CheckDone, CheckJob } from '../live-work.js'
import type { LiveVerdict, Sending } from './live-verdict.js'

/** Checks that wait in the queue, from which on another is refused. */
const MOST_WAITING = 1000

/** Sends single checks through a queue to whichever worker is free. */
export class QueueChecks {
  readonly #queue: JobQueue
  readonly #events: JobEvents
  readonly #waiting = new Map<string, (done: CheckDone) => void>()
  readonly #maxWaiting: number
  #trouble: Error | null = null

  private constructor(queue: JobQueue, events: JobEvents, maxWaiting: number) {
    this.#queue = queue
    this.#events = events
    this.#maxWaiting = maxWaiting
    const trouble = (error: Error) => {
      this.#trouble = error
    }
    queue.on('error', trouble)
    events.on('error', trouble)
    events.on('completed', ({ jobId, returnvalue }) => {
      // BullMQ's types say text, and its events give the value.
      const done: unknown = typeof returnvalue === 'string' ? JSON.parse(returnvalue) : returnvalue
      this.#waiting.get(jobId)?.(done as CheckDone)
    })
    events.on('failed', ({ jobId, failedReason }) => {
      this.#waiting.get(jobId)?.({ error: { code: 'ERR_WORKER_LOST', message: failedReason } })
    })
  }

  static async open(options: QueueOptions & { maxWaiting?: number }): Promise<QueueChecks> {
    const bullmq = await openBullMQ(options)
    const { live } = queueNames(options.queue)
    return new QueueChecks(bullmq.queue(live), bullmq.events(live), options.maxWaiting ?? MOST_WAITING)
  }

  /** @throws GuardBusyError, GuardUnavailableError, TypeError, `signal.reason` */
  async check(messages: readonly Message[], { kind, timeoutMs, signal }: Sending): Promise<LiveVerdict> {
    const deadline = AbortSignal.timeout(timeoutMs)
    const either = signal ? AbortSignal.any([signal, deadline]) : deadline
    try {
      const done = await untilAborted(this.#ask(messages, kind, Date.now() + timeoutMs), either)
      return verdictOf(done, timeoutMs)
    } catch (error) {
      signal?.throwIfAborted()
      if (!deadline.aborted) throw error
      const why = this.#trouble ? `: ${this.#trouble.message}` : ''
      throw new GuardUnavailableError(`no worker has judged within ${timeoutMs} ms${why}`, timeoutMs)
    }
  }

  async #ask(messages: readonly Message[], kind: CheckJob['kind'], until: number): Promise<CheckDone> {
    await this.#events.waitUntilReady()
    const { waiting = 0, prioritized = 0 } = await this.#queue.getJobCounts()
    if (waiting + prioritized >= this.#maxWaiting) {
      throw new GuardBusyError(`${waiting + prioritized} checks wait in the queue already`, 1000)
    }
    const jobId = `live-${randomUUID()}`
    const data: CheckJob = {
      qwen3guardCheck: 1,
      ...(kind && { kind }),
      input: [...messages],
      until,
    }
    const settled = new Promise<CheckDone>((resolve) => this.#waiting.set(jobId, resolve))
    try {
      // Nobody asks for it a second time.
      const opts = {
        jobId,
        attempts: 1,
        removeOnComplete: { age: 60, count: 1000 },
        removeOnFail: { age: 60 },
      }
      await this.#queue.add('check', data, opts)
      this.#trouble = null
      const left = Math.max(0, until - Date.now())
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<CheckDone>((resolve) => {
        timer = setTimeout(() => resolve({ late: true }), left)
      })
      return await Promise.race([settled, late]).finally(() => clearTimeout(timer))
    } finally {
      this.#waiting.delete(jobId)
    }
  }

  async close(): Promise<void> {
    await closeAll([this.#queue, this.#events])
  }
}

function verdictOf(done: CheckDone, timeoutMs: number): LiveVerdict {
  if ('verdict' in done) return done.verdict as LiveVerdict
  if ('late' in done)
    throw new GuardUnavailableError(`no worker has judged within ${timeoutMs} ms`, timeoutMs)
  const { code, message } = done.error
  if (code === 'ERR_INPUT' || code === 'ERR_TOO_LONG') throw new TypeError(`${message} (${code})`)
  if (code === 'ERR_BUSY') throw new GuardBusyError(message, 1000)
  throw new GuardUnavailableError(`${message} (${code})`, 1000)
}
