import type { NativeEngine, NativeRequest, NativeResult } from '../binding/binding.js'
import { fromNative, NotKeptError, typedErrors } from '../binding/native-error.js'
import { DecodeError, GuardBusyError, GuardClosedError, TooLongError } from '../errors.js'
import type { GuardStats } from '../types.js'
import { untilAborted } from '../until-aborted.js'
import { type EngineOptions, keptCells } from './engine-options.js'
import { estimateMemory } from './memory.js'
import type { Model } from './model.js'
import { type KeptPrefix, PrefixCache } from './prefix-cache.js'
import { Sequence } from './sequence.js'

export interface AcquireOptions {
  /** Positions the sequence must have room for. */
  cells: number
  /**
   * What is going to be decoded. Where a sequence that was kept held more than `longerThan` of its first tokens, the
   * acquired one goes on from there; its `length` says from where. If that turns out not to be kept after all, the
   * first request computes it anew (`computedAnew`); so a second one is made after the first is done.
   */
  reuse?: { tokens: Int32Array; longerThan: number } | undefined
  signal?: AbortSignal | undefined
}

interface Waiter {
  cells: number
  reuse: AcquireOptions['reuse']
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
 * enough KV cells, first come first served, and routes results back to who asked. What kept sequences held
 * lies outside the cells, in memory of its own, as far as there is room for it.
 */
export class Engine {
  readonly model: Model
  readonly options: Readonly<EngineOptions>
  readonly #native: NativeEngine
  readonly #free: number[]
  readonly #kept: PrefixCache
  readonly #open = new Set<Sequence>()
  readonly #waiters: Waiter[] = []
  readonly #inFlight: Map<number, InFlight>
  #cellsReserved = 0
  /** Callers that are on their way to `acquire`. */
  #announced = 0
  readonly #unsubmitted: NativeRequest[] = []
  #nextId = 1
  #nextKey = 1
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
    this.#kept = new PrefixCache(keptCells(options))
    this.#free = Array.from({ length: options.maxSequences }, (_, i) => options.maxSequences - 1 - i)
  }

  /** Allocates the context off the JS thread. @throws MemoryError */
  static async create(
    model: Model,
    options: EngineOptions,
    signal?: AbortSignal | undefined,
  ): Promise<Engine> {
    const inFlight = new Map<number, InFlight>()
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
          threads: options.threads,
          bytes: model.placement.device ? 0 : kvCache + compute,
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

  /** Positions a sequence can hold. */
  get contextSize(): number {
    return this.options.contextSize
  }

  /**
   * Announces a caller of `acquire` that has yet to find out what it needs, which takes time and memory: as many are
   * let in as there are sequences free and places in the queue.
   *
   * @returns what is to be called when it acquires, or gives up; further calls do nothing
   * @throws GuardBusyError, GuardClosedError
   */
  announce(): () => void {
    if (this.#closing) throw new GuardClosedError('the guard is closed')
    const { maxSequences, maxQueue } = this.options
    if (this.#announced + this.#waiters.length >= maxQueue + maxSequences - this.#open.size) {
      throw this.#busy(this.#announced + this.#waiters.length)
    }
    this.#announced += 1
    let coming = true
    return () => {
      if (coming) this.#announced -= 1
      coming = false
    }
  }

  #busy(waiting: number): GuardBusyError {
    return new GuardBusyError(
      `${waiting} requests wait already (maxQueue): try again later, or load with more maxSequences`,
      this.#retryAfterMs(),
    )
  }

  /**
   * A sequence with room for `cells` positions. Waits for one when all are taken by others.
   *
   * @throws TooLongError if no sequence could ever hold that many
   * @throws GuardBusyError if `maxQueue` callers wait already
   * @throws GuardClosedError, or `signal.reason`
   */
  acquire({ cells, reuse, signal }: AcquireOptions): Promise<Sequence> {
    return new Promise<Sequence>((resolve, reject) => {
      if (this.#closing) return reject(new GuardClosedError('the guard is closed'))
      if (signal?.aborted) return reject(signal.reason)
      if (cells > this.contextSize) return reject(new TooLongError(cells, this.contextSize))
      if (this.#waiters.length === 0 && this.#fits(cells)) return resolve(this.#take(cells, reuse))
      if (this.#waiters.length >= this.options.maxQueue) {
        return reject(this.#busy(this.#waiters.length))
      }
      const onAbort = () => {
        const index = this.#waiters.indexOf(waiter)
        if (index >= 0) this.#waiters.splice(index, 1)
        reject(signal?.reason)
        this.#admit()
      }
      const waiter: Waiter = {
        cells,
        reuse,
        resolve,
        reject,
        detach: () => signal?.removeEventListener('abort', onAbort),
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.push(waiter)
    })
  }

  #fits(cells: number): boolean {
    return this.#open.size < this.options.maxSequences && this.#hasCells(cells)
  }

  /** Whether a unified cache has this many cells that no open sequence has reserved. */
  #hasCells(cells: number): boolean {
    return !this.options.unified || this.#cellsReserved + cells <= this.options.cells
  }

  #take(cells: number, reuse: AcquireOptions['reuse']): Sequence {
    const taken = reuse ? this.#takeKept(cells, reuse) : null
    // All of what was kept is put back before the cells behind what is reused are freed.
    let reserved = Math.max(cells, taken?.prefix.cells ?? 0)
    const id = this.#free.pop() as number
    this.#cellsReserved += reserved
    let toRestore = taken?.prefix.key ?? 0
    const giveBack = () => {
      this.#open.delete(sequence)
      this.#cellsReserved -= reserved
    }
    const release = () => {
      giveBack()
      this.#submit()
      this.#native.release(id)
      // Where no request took it, or none got so far.
      if (taken) this.#forget(taken.prefix)
      this.#free.push(id)
      this.#admit()
    }
    const sequence = new Sequence(
      id,
      cells,
      {
        decode: async (request, signal) => {
          const content = toRestore
          toRestore = 0
          let result: NativeResult
          try {
            result = await this.#decode({ ...request, restore: content }, signal)
          } catch (error) {
            if (!reuse || !(error instanceof NotKeptError)) throw error
            sequence.computeAnew()
            result = await this.#decode({ ...fromBeginning(request, reuse.tokens), restore: 0 }, signal)
          }
          if (reserved > cells && this.#open.has(sequence)) {
            this.#cellsReserved -= reserved - cells
            reserved = cells
            this.#admit()
          }
          return result
        },
        release,
        keep: (tokens, shared) => {
          // What it was to go on from was never put back.
          if (toRestore !== 0) return release()
          const key = this.#nextKey
          this.#nextKey = key === 0x7fffffff ? 1 : key + 1
          const skip = shared?.length ?? 0
          const prefix = { sequence: id, key, tokens, cells: sequence.length - skip }
          const gone = this.#kept.add(prefix)
          for (const other of gone) if (other !== prefix) this.#forget(other)
          if (gone.includes(prefix)) return release()
          giveBack()
          this.#submit()
          this.#native.keep(id, key, shared?.sequence.id ?? -1, skip)
          this.#free.push(id)
          this.#admit()
        },
      },
      taken?.length ?? 0,
    )
    this.#open.add(sequence)
    return sequence
  }

  #takeKept(cells: number, { tokens, longerThan }: NonNullable<AcquireOptions['reuse']>) {
    const taken = this.#kept.take(tokens, longerThan)
    if (!taken || this.#hasCells(Math.max(cells, taken.prefix.cells))) return taken
    // No room for all of it at once: computed anew.
    this.#forget(taken.prefix)
    return null
  }

  #forget({ sequence, key }: KeptPrefix): void {
    this.#native.forget(sequence, key)
  }

  #admit(): void {
    for (
      let waiter = this.#waiters[0];
      waiter !== undefined && this.#fits(waiter.cells);
      waiter = this.#waiters[0]
    ) {
      this.#waiters.shift()
      waiter.detach()
      waiter.resolve(this.#take(waiter.cells, waiter.reuse))
    }
  }

  #decode(request: Omit<NativeRequest, 'id'>, signal: AbortSignal | undefined): Promise<NativeResult> {
    if (this.#closing) return Promise.reject(new GuardClosedError('the guard is closed'))
    if (signal?.aborted) return Promise.reject(signal.reason)
    const id = this.#nextId
    this.#nextId = id === 0x7fffffff ? 1 : id + 1
    return new Promise<NativeResult>((resolve, reject) => {
      const onAbort = () => {
        this.#submit()
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
      // What is asked for in one turn of the event loop goes into one decode.
      if (this.#unsubmitted.push({ ...request, id }) === 1) process.nextTick(() => this.#submit())
    })
  }

  /** Before anything that must come after the requests made so far. */
  #submit(): void {
    const requests = this.#unsubmitted.splice(0)
    if (requests.length === 0) return
    try {
      this.#native.submit(requests)
    } catch (error) {
      for (const { id } of requests) {
        const request = this.#inFlight.get(id)
        this.#inFlight.delete(id)
        request?.reject(error)
      }
    }
  }

  /** How long the queue takes to move by one, from what decoding has cost so far. */
  #retryAfterMs(): number {
    const { ticks, decodeMs } = this.#native.stats()
    return Math.max(10, Math.ceil(ticks > 0 ? (decodeMs / ticks) * 2 : 100))
  }

  stats(): GuardStats {
    const { tokens, ticks, decodeMs } = this.#native.stats()
    const { maxSequences, contextSize, cells, unified } = this.options
    const total = unified ? cells : contextSize * maxSequences
    let cellsUsed = 0
    for (const sequence of this.#open) cellsUsed += sequence.length
    return {
      queued: this.#waiters.length,
      openSequences: this.#open.size,
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
    this.#submit()
    try {
      await this.#native.close()
    } finally {
      // Native answers every request before it closes; a request without an answer would hang its caller.
      for (const request of this.#inFlight.values()) {
        request.reject(new DecodeError('the engine closed without an answer'))
      }
      this.#inFlight.clear()
    }
  }
}

/** The same request with the positions that it was to keep decoded before it: the first of `tokens`. */
function fromBeginning(
  request: Omit<NativeRequest, 'id' | 'restore'>,
  tokens: Int32Array,
): Omit<NativeRequest, 'id' | 'restore'> {
  const { keep } = request
  const whole = new Int32Array(keep + request.tokens.length)
  whole.set(tokens.subarray(0, keep))
  whole.set(request.tokens, keep)
  return { ...request, keep: 0, from: -1, tokens: whole, read: request.read.map((at) => at + keep) }
}
