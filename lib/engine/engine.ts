import { DecodeError, GuardBusyError, GuardClosedError, TooLongError } from '../errors.js'
import type { GuardStats, KvType } from '../types.js'
import { loadBinding, type NativeEngine, type NativeRequest, type NativeResult } from './binding.js'
import { type Model, untilAborted } from './model.js'
import { fromNative } from './native-error.js'
import { Sequence } from './sequence.js'

export interface EngineOptions {
  /** Positions per sequence. */
  contextSize: number
  /** Sequences, at most 256. */
  maxSequences: number
  /** KV cells of a unified cache; a split cache has contextSize a sequence. */
  cells: number
  unified: boolean
  /** Acquisitions that may wait. */
  maxQueue: number
  batchSize: number
  /** Positions read in one decode at most. */
  maxOutputs: number
  threads: number
  kvType: KvType
  flashAttention: 'auto' | boolean
}

interface Waiter {
  cells: number
  resolve(sequence: Sequence): void
  reject(error: unknown): void
  detach(): void
}

interface InFlight {
  resolve(result: NativeResult): void
  reject(error: unknown): void
}

/**
 * One llama context with its decode thread. Hands out sequences as long as there are free ones with
 * enough KV cells, first come first served, and routes results back to who asked.
 */
export class Engine {
  readonly model: Model
  readonly options: Readonly<EngineOptions>
  readonly #native: NativeEngine
  readonly #free: number[]
  readonly #waiters: Waiter[] = []
  readonly #inFlight: Map<number, InFlight>
  #cellsReserved = 0
  #nextId = 1
  #closing: Promise<void> | undefined

  private constructor(
    model: Model,
    options: EngineOptions,
    native: NativeEngine,
    inFlight: Map<number, InFlight>,
  ) {
    this.model = model
    this.options = options
    this.#native = native
    this.#inFlight = inFlight
    this.#free = Array.from({ length: options.maxSequences }, (_, i) => options.maxSequences - 1 - i)
  }

  /** Allocates the context off the JS thread. @throws MemoryError */
  static async create(
    model: Model,
    options: EngineOptions,
    signal?: AbortSignal | undefined,
  ): Promise<Engine> {
    const inFlight = new Map<number, InFlight>()
    const creating = loadBinding().createEngine(
      model.native,
      {
        cells: options.unified ? options.cells : options.contextSize * options.maxSequences,
        maxSequences: options.maxSequences,
        unified: options.unified,
        batchSize: options.batchSize,
        ubatchSize: options.batchSize,
        maxOutputs: options.maxOutputs,
        threads: options.threads,
        kvType: options.kvType,
        flashAttention: options.flashAttention === 'auto' ? 'auto' : options.flashAttention ? 'on' : 'off',
      },
      // Called once a tick with everything that tick finished.
      (results) => {
        for (const result of results) {
          const request = inFlight.get(result.id)
          inFlight.delete(result.id)
          if (result.error) request?.reject(result.error)
          else request?.resolve(result)
        }
      },
    )
    try {
      return new Engine(model, options, await untilAborted(creating, signal), inFlight)
    } catch (error) {
      // Given up while it was made: it is closed when it is there.
      creating.then((native) => native.close()).catch(() => {})
      throw fromNative(error)
    }
  }

  /** Positions a sequence can hold. */
  get contextSize(): number {
    return this.options.contextSize
  }

  /**
   * A sequence with room for `cells` positions. Waits for one when all are taken.
   *
   * @throws TooLongError if no sequence could ever hold that many
   * @throws GuardBusyError if `maxQueue` callers wait already
   * @throws GuardClosedError, or `signal.reason`
   */
  acquire({ cells, signal }: { cells: number; signal?: AbortSignal | undefined }): Promise<Sequence> {
    return new Promise<Sequence>((resolve, reject) => {
      if (this.#closing) return reject(new GuardClosedError('the guard is closed'))
      if (signal?.aborted) return reject(signal.reason)
      if (cells > this.contextSize) return reject(new TooLongError(cells, this.contextSize))
      if (this.#waiters.length === 0 && this.#fits(cells)) return resolve(this.#take(cells))
      if (this.#waiters.length >= this.options.maxQueue) {
        return reject(
          new GuardBusyError(
            `${this.#waiters.length} requests wait already (maxQueue): try again later, or load with more maxSequences`,
            this.#retryAfterMs(),
          ),
        )
      }
      const onAbort = () => {
        const index = this.#waiters.indexOf(waiter)
        if (index >= 0) this.#waiters.splice(index, 1)
        reject(signal?.reason)
        this.#admit()
      }
      const waiter: Waiter = {
        cells,
        resolve,
        reject,
        detach: () => signal?.removeEventListener('abort', onAbort),
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.push(waiter)
    })
  }

  #fits(cells: number): boolean {
    return (
      this.#free.length > 0 && (!this.options.unified || this.#cellsReserved + cells <= this.options.cells)
    )
  }

  #take(cells: number): Sequence {
    const id = this.#free.pop() as number
    this.#cellsReserved += cells
    return new Sequence(id, cells, {
      decode: (request, signal) => this.#decode(request, signal),
      release: () => {
        this.#native.release(id)
        this.#free.push(id)
        this.#cellsReserved -= cells
        this.#admit()
      },
    })
  }

  #admit(): void {
    for (
      let waiter = this.#waiters[0];
      waiter !== undefined && this.#fits(waiter.cells);
      waiter = this.#waiters[0]
    ) {
      this.#waiters.shift()
      waiter.detach()
      waiter.resolve(this.#take(waiter.cells))
    }
  }

  #decode(request: Omit<NativeRequest, 'id'>, signal: AbortSignal | undefined): Promise<NativeResult> {
    if (this.#closing) return Promise.reject(new GuardClosedError('the guard is closed'))
    if (signal?.aborted) return Promise.reject(signal.reason)
    const id = this.#nextId
    this.#nextId = id === 0x7fffffff ? 1 : id + 1
    return new Promise<NativeResult>((resolve, reject) => {
      const onAbort = () => {
        this.#native.cancel(id)
        reject(signal?.reason)
      }
      const detach = () => signal?.removeEventListener('abort', onAbort)
      this.#inFlight.set(id, {
        resolve: (result) => {
          detach()
          resolve(result)
        },
        reject: (error) => {
          detach()
          reject(fromNative(error))
        },
      })
      signal?.addEventListener('abort', onAbort, { once: true })
      try {
        this.#native.submit({ ...request, id })
      } catch (error) {
        detach()
        this.#inFlight.delete(id)
        reject(fromNative(error))
      }
    })
  }

  /** How long the queue takes to move by one, from what decoding has cost so far. */
  #retryAfterMs(): number {
    const { ticks, decodeMs } = this.#native.stats()
    return Math.max(10, Math.ceil(ticks > 0 ? (decodeMs / ticks) * 2 : 100))
  }

  stats(): GuardStats {
    const { tokens, ticks, decodeMs, cellsUsed } = this.#native.stats()
    const { maxSequences, contextSize, cells, unified } = this.options
    const total = unified ? cells : contextSize * maxSequences
    return {
      queued: this.#waiters.length,
      openSequences: maxSequences - this.#free.length,
      maxSequences,
      cellsUsed,
      cellsFree: Math.max(0, total - cellsUsed),
      tokensDecoded: tokens,
      tokensPerSecond: decodeMs > 0 ? (tokens * 1000) / decodeMs : 0,
      ticks,
    }
  }

  /** Fails what waits with GuardClosedError, ends the tick in hand and joins the thread. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const waiter of this.#waiters.splice(0)) {
      waiter.detach()
      waiter.reject(new GuardClosedError('the guard was closed while this waited'))
    }
    await this.#native.close()
    // Native answers every request before it closes; a request without an answer would hang its caller.
    for (const request of this.#inFlight.values()) {
      request.reject(new DecodeError('the engine closed without an answer'))
    }
    this.#inFlight.clear()
  }
}
