import { realpath, stat } from 'node:fs/promises'
import { AddonLoadError, GuardClosedError } from '../errors.js'
import { checkGguf } from '../models/check.js'
import { describeGguf, type ModelDescription } from '../models/describe.js'
import { readModelHeader } from '../models/split.js'
import type { Gpu } from '../types.js'
import { loadBinding, type NativeModel } from './binding.js'
import { typedErrors } from './native-error.js'

export interface ModelOptions {
  gpu?: Gpu | undefined
  /** false keeps weights as they are in the file. For comparisons. Default true. */
  repack?: boolean | undefined
  onProgress?: ((fraction: number) => void) | undefined
  /** Called before weights are read (`inMemory`: another user has read them); what it throws rejects the load. */
  admit?: ((description: ModelDescription, inMemory: boolean) => void | Promise<void>) | undefined
  signal?: AbortSignal | undefined
}

interface Header {
  description: ModelDescription
  /** Of the first part, where there are several. */
  path: string
}

interface Shared {
  header: Promise<Header>
  /** Set by the first user that was admitted. */
  weights?: Promise<NativeModel>
  users: number
}

// Weights by file and back end: a model that several guards use is in memory once.
const shared = new Map<string, Shared>()

/** A GGUF file's weights and tokenizer. Several engines may share one; the last `close()` frees it. */
export class Model {
  readonly path: string
  readonly description: ModelDescription
  /** All layers are on a GPU. */
  readonly offloaded: boolean
  readonly #key: string
  #native: NativeModel | null

  private constructor(
    key: string,
    path: string,
    offloaded: boolean,
    native: NativeModel,
    description: ModelDescription,
  ) {
    this.#key = key
    this.offloaded = offloaded
    this.path = path
    this.#native = native
    this.description = description
  }

  /**
   * Checks the file, then reads its weights off the JS thread.
   *
   * @throws ModelFileError, ModelKindError, AddonLoadError, or `signal.reason`
   */
  static async load(path: string, options: ModelOptions = {}): Promise<Model> {
    options.signal?.throwIfAborted()
    const offload = wantsOffload(options.gpu ?? 'auto')
    const { repack = true } = options
    const key = await identity(path, `${offload} ${repack}`)
    let entry = shared.get(key)
    if (!entry) {
      entry = { header: describe(path), users: 0 }
      shared.set(key, entry)
    }
    entry.users += 1
    try {
      const header = await untilAborted(entry.header, options.signal)
      const { description } = header
      await options.admit?.(description, entry.weights !== undefined)
      options.signal?.throwIfAborted()
      const reads = entry.weights === undefined
      entry.weights ??= readWeights(header.path, description, { offload, repack }, options.onProgress)
      const native = await untilAborted(entry.weights, options.signal)
      if (!reads) options.onProgress?.(1)
      return new Model(key, path, offload, native, description)
    } catch (error) {
      release(key, entry)
      throw error
    }
  }

  /** @throws GuardClosedError after `close()` */
  get native(): NativeModel {
    if (!this.#native) throw new GuardClosedError('the model is closed')
    return this.#native
  }

  /** Gives this share of the weights back. Idempotent. Engines that still run keep them alive. */
  close(): void {
    if (!this.#native) return
    this.#native = null
    const entry = shared.get(this.#key)
    if (entry) release(this.#key, entry)
  }
}

function release(key: string, entry: Shared): void {
  entry.users -= 1
  if (entry.users > 0 || shared.get(key) !== entry) return
  shared.delete(key)
  // A load that everybody gave up still ends: its weights go then.
  entry.weights?.then((native) => native.close()).catch(() => {})
}

async function describe(path: string): Promise<Header> {
  const header = await readModelHeader(path)
  await checkGguf(header)
  return { description: describeGguf(header), path: header.path }
}

async function readWeights(
  path: string,
  description: ModelDescription,
  { offload, repack }: { offload: boolean; repack: boolean },
  onProgress: ModelOptions['onProgress'],
): Promise<NativeModel> {
  let done = false
  let thrown: { error: unknown } | undefined
  // A listener that throws must not do so in a native callback: the load rejects with its error.
  const report = (fraction: number) => {
    try {
      onProgress?.(fraction)
    } catch (error) {
      thrown ??= { error }
    }
  }
  const loading = loadBinding().loadModel({
    path,
    gpuLayers: offload ? -1 : 0,
    repack,
    // Pages that were read only to be rearranged would count as this process's memory from then on.
    mmap: offload || !(repack && loadBinding().repacks(description.weightType)),
    onProgress: (fraction) => {
      if (!done && fraction < 1) report(fraction)
    },
  })
  const native = await typedErrors(loading)
  // Native reports may still be under way; the last one is ours.
  done = true
  report(1)
  if (thrown) {
    native.close()
    throw thrown.error
  }
  return native
}

/** The same file loaded in the same way has the same key; a file that was replaced has another. */
async function identity(path: string, how: string): Promise<string> {
  try {
    const real = await realpath(path)
    const { mtimeMs, size, ino } = await stat(real)
    return `${real}\0${ino}\0${size}\0${mtimeMs}\0${how}`
  } catch {
    // Not there: reading it gives the typed error.
    return `${path}\0${how}`
  }
}

/** Whether layers go to a GPU. @throws AddonLoadError ERR_BACKEND_MISSING */
export function wantsOffload(gpu: Gpu): boolean {
  if (gpu === false) return false
  const { backends } = loadBinding().systemInfo()
  if (gpu === 'auto') return ['cuda', 'metal', 'vulkan'].some((name) => backends.includes(name))
  if (backends.includes(gpu)) return true
  throw new AddonLoadError(
    `gpu: '${gpu}' was asked for, but this build has only: ${backends.join(', ')}. Use gpu: 'auto' or false, ` +
      `or build with QWEN3GUARD_CMAKE="-DGGML_${gpu.toUpperCase()}=ON" npm run build:native`,
    undefined,
    'ERR_BACKEND_MISSING',
  )
}

/** Settles like `promise`, or rejects with the signal's reason as soon as it aborts. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) {
      // It may still fail, and nobody else may be waiting for it.
      promise.catch(() => {})
      return onAbort()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
