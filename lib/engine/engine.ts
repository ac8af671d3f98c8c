import { setMaxListeners } from 'node:events'
import type { NativeEngine, NativeRequest } from '../binding/binding.js'
import { fromNative, typedErrors } from '../binding/native-error.js'
import { RequestPacker, unpackResults } from '../binding/packed.js'
import { DecodeError, type GuardBusyError, GuardClosedError, TooLongError } from '../errors.js'
import type { GuardStats } from '../types.js'
import { untilAborted } from '../until-aborted.js'
import { Admission } from './admission.js'
import { type EngineOptions, keptCells } from './engine-options.js'
import { estimateMemory } from './memory.js'
import type { Model } from './model.js'
import {
  type OnResult,
  Sequence,
  type SequenceOwner,
  type SharedBeginning,
  type SharedPrefix,
} from './sequence.js'

export interface AcquireOptions {
  /** Positions the sequence must have room for. */
  cells: number
  /** What of them is a shared prefix's, whose cells are counted there: whole texts begin with it. */
  shared?: SharedBeginning | undefined
  signal?: AbortSignal | undefined
  /** How long it may wait for a sequence. Default: as long as it takes. */
  timeoutMs?: number | undefined
}

/** llama.cpp looks whether it is to stop after each step of its graph, which takes some milliseconds. */
const LONGEST_CLOSE_MS = 15_000

function warnStuck(): void {
  process.emitWarning(
    `a decode did not end within ${LONGEST_CLOSE_MS / 1000} s of close(): its guard is closed, but its memory and thread are not back. ` +
      'End this process with process.exit() and start another.',
    { code: 'QWEN3GUARD_STUCK' },
  )
}

/**
 * One llama context with its decode thread. Hands out sequences as long as there are free ones with
 * enough KV cells, and routes results back to who asked.
 */
export class Engine {
  readonly model: Model
  readonly options: Readonly<EngineOptions>
  readonly #native: NativeEngine
  readonly #admission: Admission
  readonly #free: number[]
  readonly #open = new Set<Sequence>()
  readonly #inFlight: Map<number, OnResult>
  /** What all sequences have of this engine. */
  readonly #owner: SequenceOwner = {
    decode: (request, signal, on) => this.#decode(request, signal, on),
    giveBack: (sequence, keep) => this.#giveBack(sequence, keep),
  }
  readonly #unsubmitted: NativeRequest[] = []
  readonly #packer = new RequestPacker()
  #nextId = 1
  readonly #ending = new AbortController()
  #closing: Promise<void> | undefined

  private constructor(
    model: Model,
    options: EngineOptions,
    native: NativeEngine,
    inFlight: Map<number, OnResult>,
  ) {
    this.model = model
    this.options = options
    this.#native = native
    this.#inFlight = inFlight
    const { maxSequences, maxQueue, unified, cells } = options
    const limits = {
      sequences: maxSequences,
      cells: unified ? cells : Number.POSITIVE_INFINITY,
      queue: maxQueue,
    }
    this.#admission = new Admission(limits, () => this.#retryAfterMs())
    setMaxListeners(0, this.#ending.signal)
    this.#free = Array.from({ length: maxSequences }, (_, i) => maxSequences - 1 - i)
  }

  /** Allocates the context off the JS thread. @throws MemoryError */
  static async create(
    model: Model,
    options: EngineOptions,
    signal?: AbortSignal | undefined,
  ): Promise<Engine> {
    const inFlight = new Map<number, OnResult>()
    const { kvCache, compute } = estimateMemory(model.description, options, 0)
    const creating = typedErrors(
      model.binding.createEngine(
        model.native,
        {
          cells: options.unified ? options.cells : options.contextSize * options.maxSequences,
          maxSequences: options.maxSequences,
          unified: options.unified,
          batchSize: options.batchSize,
          ubatchSize: options.batchSize,
          maxOutputs: options.maxOutputs,
          prefillTokens: options.prefillTokens,
          offloads: options.offloads,
          aloneWhole: options.alone?.whole ?? 0,
          aloneFollowing: options.alone?.following ?? 0,
          keptCells: keptCells(options),
          threads: options.threads,
          bytes: model.placement.device ? 0 : kvCache + compute,
          kvType: options.kvType,
          flashAttention: options.flashAttention === 'auto' ? 'auto' : options.flashAttention ? 'on' : 'off',
        },
        // Called once a tick with everything that tick finished.
        (results, errors) => {
          for (const result of unpackResults(results, errors)) {
            const request = inFlight.get(result.id)
            inFlight.delete(result.id)
            if (result.error) request?.failed(result.error)
            else request?.done(result)
          }
        },
      ),
    )
    try {
      return new Engine(model, options, await untilAborted(creating, signal), inFlight)
    } catch (error) {
      // Given up while it was made: it is closed when it is there.
      creating.then((native) => native.close()).catch(() => {})
      throw error
    }
  }

  /** Aborted by `close()`, with GuardClosedError: for those who wait for something else than this engine. */
  get closing(): AbortSignal {
    return this.#ending.signal
  }

  /** Positions a sequence can hold. */
  get contextSize(): number {
    return this.options.contextSize
  }

  /** As `Admission.announce`, for callers of `acquire`. @throws GuardBusyError, GuardClosedError */
  announce(): () => void {
    return this.#admission.announce()
  }

  /** What who waited so long for a place is told. */
  late(timeoutMs: number): GuardBusyError {
    return this.#admission.late(timeoutMs)
  }

  /**
   * A sequence with room for `cells` positions. Waits for one when all are taken by others.
   *
   * @throws TooLongError if no sequence could ever hold that many
   * @throws GuardBusyError if `maxQueue` callers wait already, or after `timeoutMs`
   * @throws GuardClosedError, or `signal.reason`
   */
  async acquire(options: AcquireOptions): Promise<Sequence> {
    return await this.acquireNow(options)
  }

  /** As `acquire`, at once where there is a sequence and nobody waits for one. */
  acquireNow({ cells, shared, signal, timeoutMs }: AcquireOptions): Sequence | Promise<Sequence> {
    if (cells > this.contextSize) throw new TooLongError(cells, this.contextSize)
    const own = cells - (shared?.length ?? 0)
    return this.#admission.enter({ cells: own, signal, timeoutMs }, () => this.#take(cells, shared))
  }

  /**
   * Decodes what many texts begin with into a sequence of its own, which it holds as long as the engine lives.
   *
   * @throws as `acquire` and `Sequence.decodeText`
   */
  async share(tokens: Int32Array): Promise<SharedPrefix> {
    const sequence = await this.acquire({ cells: tokens.length })
    const none = new Int32Array(0)
    try {
      await sequence.decodeText(tokens, { read: none, named: none })
    } catch (error) {
      sequence.release()
      throw error
    }
    return { tokens, sequence: sequence.id }
  }

  #take(capacity: number, shared: SharedBeginning | undefined): Sequence {
    const sequence = new Sequence(this.#free.pop() as number, capacity, this.#owner, shared)
    this.#open.add(sequence)
    return sequence
  }

  #giveBack(sequence: Sequence, keep: number): void {
    const { id } = sequence
    this.#open.delete(sequence)
    this.#submit()
    if (keep > 0) this.#native.keep(id, keep)
    else this.#native.release(id)
    this.#free.push(id)
    this.#admission.leave(sequence.ownCapacity)
  }

  #decode(request: Omit<NativeRequest, 'id'>, signal: AbortSignal | undefined, on: OnResult): void {
    if (this.#closing || signal?.aborted) {
      on.failed(this.#closing ? new GuardClosedError('the guard is closed') : signal?.reason)
      return
    }
    const id = this.#nextId
    this.#nextId = id === 0x7fffffff ? 1 : id + 1
    const onAbort = () => {
      this.#submit()
      // Where that failed, it has told everybody.
      if (!this.#inFlight.delete(id)) return
      this.#native.cancel(id)
      on.failed(signal?.reason)
    }
    const detach = () => signal?.removeEventListener('abort', onAbort)
    this.#inFlight.set(id, {
      done: (result) => {
        detach()
        on.done(result)
      },
      failed: (error) => {
        detach()
        on.failed(fromNative(error))
      },
    })
    signal?.addEventListener('abort', onAbort, { once: true })
    // What is asked for in one turn of the event loop goes into one decode.
    if (this.#unsubmitted.push({ ...request, id }) === 1) process.nextTick(() => this.#submit())
  }

  /** Before anything that must come after the requests made so far. */
  #submit(): void {
    const requests = this.#unsubmitted.splice(0)
    if (requests.length === 0) return
    try {
      this.#native.submit(this.#packer.pack(requests))
    } catch (error) {
      for (const { id } of requests) {
        const request = this.#inFlight.get(id)
        this.#inFlight.delete(id)
        request?.failed(error)
      }
    }
  }

  /** How long the queue takes to move by one, from what decoding has cost so far. */
  #retryAfterMs(): number {
    const { ticks, decodeMs } = this.#native.stats()
    return Math.max(10, Math.ceil(ticks > 0 ? (decodeMs / ticks) * 2 : 100))
  }

  stats(): GuardStats {
    const { tokens, ticks, decodeMs, tickBounds, tickCounts, decodingMs, failure } = this.#native.stats()
    const { maxSequences, contextSize, cells, unified } = this.options
    const total = unified ? cells : contextSize * maxSequences
    let cellsUsed = 0
    for (const sequence of this.#open) cellsUsed += sequence.cells
    const { count, longestMs } = this.#admission.waiting
    return {
      queued: count,
      longestWaitMs: longestMs,
      openSequences: this.#open.size,
      maxSequences,
      cellsUsed,
      cellsFree: Math.max(0, total - cellsUsed),
      tokensDecoded: tokens,
      tokensPerSecond: decodeMs > 0 ? (tokens * 1000) / decodeMs : 0,
      ticks,
      tickTimes: { upToMs: tickBounds, counts: tickCounts, totalMs: decodeMs },
      decodingMs: Math.round(decodingMs),
      failure,
    }
  }

  /**
   * Fails what waits with GuardClosedError, ends the tick in hand and joins the thread. A decode that does not end within
   * `LONGEST_CLOSE_MS` is left behind, with its memory, and a warning. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#admission.close()
    this.#ending.abort(new GuardClosedError('the guard was closed while this waited'))
    this.#submit()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, LONGEST_CLOSE_MS, 'late')
    })
    try {
      if ((await Promise.race([this.#native.close(), late])) === 'late') warnStuck()
    } finally {
      clearTimeout(timer)
      // Native answers every request before it closes, unless it hangs; one without an answer would hang its caller.
      for (const request of this.#inFlight.values()) {
        request.failed(new DecodeError('the engine closed without an answer'))
      }
      this.#inFlight.clear()
    }
  }
}
