import { toMessages } from '../../input.js'
import { checkKeys, checkSignal, checkTimeout, type Keys } from '../../options.js'
import { checkPolicy } from '../../policy.js'
import type { ModerationEvent } from '../../stream/events.js'
import { checkReply, type ReplyStream } from '../../stream/reply/source.js'
import type { Input } from '../../types.js'
import type { BullMQ } from '../bullmq.js'
import { checkCount } from '../worker-options.js'
import { checkByHttp } from './http-check.js'
import type { LiveVerdict } from './live-verdict.js'
import { QueueChecks } from './queue-check.js'
import { type GuardServer, ServerPool, type ServerState } from './server-pool.js'
import { type LiveReplyOptions, stickyReply } from './sticky-reply.js'

/** Options of `createGuardClient`: servers, or a queue. */
export interface GuardClientOptions {
  /** Instances of `qwen3guard serve`, by their addresses. */
  servers?: readonly (string | GuardServer)[]
  /** The queue's name, as its workers have it. Default `'qwen3guard'`. */
  queue?: string
  /** As for `createGuardWorker`. */
  connection?: string | object
  /** As for `createGuardWorker`. */
  bullmq?: BullMQ
  /** Milliseconds that a check may take, all tries together. Default 10,000. */
  timeoutMs?: number
  /** Milliseconds after which a second server is asked as well, and the first answer taken. Default: never. */
  hedgeMs?: number
  /** Milliseconds between two looks at the servers' health. Default 5000. */
  healthMs?: number
  /** Checks waiting in the queue, from which on another is refused. Default 1000. */
  maxWaiting?: number
}

const KEYS: Keys<GuardClientOptions> = {
  servers: true,
  queue: true,
  connection: true,
  bullmq: true,
  timeoutMs: true,
  hedgeMs: true,
  healthMs: true,
  maxWaiting: true,
}

/** Options of `GuardClient.classify`. */
export interface LiveCheckOptions {
  /** The kind of model that judges. Default: what there is, Gen first. */
  kind?: 'gen' | 'stream'
  /** Default: the client's. */
  timeoutMs?: number
  signal?: AbortSignal
}

/**
 * A client of guards on other machines: of `qwen3guard serve` over HTTP, or of workers over a queue. What could not be judged in
 * time, or by nobody, is an error and never a verdict.
 *
 * @throws TypeError, RangeError for options; QueueError ERR_QUEUE_PACKAGE
 */
export async function createGuardClient(options: GuardClientOptions): Promise<GuardClient> {
  checkKeys('the options of createGuardClient', options, KEYS)
  const { servers, connection, timeoutMs = 10_000, hedgeMs, healthMs = 5000 } = options
  for (const name of ['timeoutMs', 'hedgeMs', 'healthMs'] as const) checkTimeout(name, options[name])
  checkCount('maxWaiting', options.maxWaiting, 1)
  if ((servers === undefined) === (connection === undefined)) {
    throw new TypeError('Expected `servers`, or the `connection` of a queue: one of both')
  }
  if (connection !== undefined) {
    const checks = await QueueChecks.open({ ...options, connection })
    return new GuardClient(null, checks, { timeoutMs, hedgeMs })
  }
  const pool = new ServerPool((servers ?? []).map(serverOf), healthMs)
  if (pool.servers.length === 0) throw new TypeError('Expected `servers` to name at least one')
  return new GuardClient(pool, null, { timeoutMs, hedgeMs })
}

function serverOf(server: string | GuardServer): GuardServer {
  const { url, ...rest } = typeof server === 'string' ? { url: server } : server
  if (typeof url !== 'string' || !/^https?:\/\//.test(url)) {
    throw new TypeError(`Expected the address of a server, such as http://guard-1:8080, got ${String(url)}`)
  }
  return { url, ...rest }
}

/** Sends checks to guards elsewhere. */
export class GuardClient implements AsyncDisposable {
  readonly #pool: ServerPool | null
  readonly #checks: QueueChecks | null
  readonly #settings: { timeoutMs: number; hedgeMs: number | undefined }

  /** @internal */
  constructor(
    pool: ServerPool | null,
    checks: QueueChecks | null,
    settings: { timeoutMs: number; hedgeMs: number | undefined },
  ) {
    this.#pool = pool
    this.#checks = checks
    this.#settings = settings
  }

  /**
   * Judges the last message of a conversation.
   *
   * @throws GuardBusyError with `retryAfterMs` where all are overloaded; GuardUnavailableError where nobody judged in time;
   *   TypeError for an input that is none or too long; `signal.reason`
   */
  async classify(input: Input, options: LiveCheckOptions = {}): Promise<LiveVerdict> {
    checkTimeout('timeoutMs', options.timeoutMs)
    checkSignal(options.signal)
    options.signal?.throwIfAborted()
    const messages = toMessages(input, ['user', 'assistant'])
    const { kind, timeoutMs = this.#settings.timeoutMs, signal } = options
    const sending = { kind, timeoutMs, hedgeMs: this.#settings.hedgeMs, signal }
    if (this.#checks) return await this.#checks.check(messages, sending)
    return await checkByHttp(this.#pool as ServerPool, messages, sending)
  }

  /**
   * Moderates a reply that another model is writing, on one of the servers; where that is lost, on another, which judges the
   * text so far again. Events are those of `StreamGuard.moderate`. Where no server is left, a `block` is next and `end` last.
   *
   * @throws TypeError for arguments, and for a client of a queue: a stream needs servers. An error of the source, and an abort,
   *   reject
   */
  moderate(
    input: Input,
    reply: ReplyStream,
    options: LiveReplyOptions = {},
  ): AsyncGenerator<ModerationEvent, void, undefined> {
    if (!this.#pool) {
      throw new TypeError(
        'Expected a client of `servers`: a stream stays where it was begun, which no queue does',
      )
    }
    checkReply(reply)
    if (options.policy !== undefined) checkPolicy(options.policy)
    checkTimeout('timeoutMs', options.timeoutMs)
    checkSignal(options.signal)
    const messages = toMessages(input, ['user'])
    const { timeoutMs = this.#settings.timeoutMs } = options
    return stickyReply(this.#pool, messages, reply, { ...options, timeoutMs })
  }

  /** How the servers are; nothing of a queue. */
  servers(): ServerState[] {
    return (this.#pool?.servers ?? []).map(({ url, healthy, inFlight }) => ({ url, healthy, inFlight }))
  }

  /** Ends the connections. Checks that wait are answered no more. */
  async close(): Promise<void> {
    this.#pool?.close()
    await this.#checks?.close()
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
