import { realpath, stat } from 'node:fs/promises'
import { AddonLoadError, GuardClosedError } from '../errors.js'
import { checkGguf } from '../models/check.js'
import { describeGguf, type ModelDescription } from '../models/describe.js'
import { readGguf } from '../models/gguf.js'
import type { Gpu } from '../types.js'
import { loadBinding, type NativeModel } from './binding.js'
import { fromNative } from './native-error.js'

export interface ModelOptions {
  gpu?: Gpu | undefined
  onProgress?: ((fraction: number) => void) | undefined
  signal?: AbortSignal | undefined
}

interface Shared {
  loading: Promise<{ native: NativeModel; description: ModelDescription }>
  users: number
}

// Weights by file and back end: a model that several guards use is in memory once.
const shared = new Map<string, Shared>()

/** A GGUF file's weights and tokenizer. Several engines may share one; the last `close()` frees it. */
export class Model {
  readonly path: string
  readonly description: ModelDescription
  readonly #key: string
  #native: NativeModel | null

  private constructor(key: string, path: string, native: NativeModel, description: ModelDescription) {
    this.#key = key
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
    const key = await identity(path, offload)
    let entry = shared.get(key)
    if (!entry) {
      entry = { loading: read(path, offload, options), users: 0 }
      shared.set(key, entry)
    }
    entry.users += 1
    try {
      const { native, description } = await untilAborted(entry.loading, options.signal)
      return new Model(key, path, native, description)
    } catch (error) {
      release(key, entry)
      throw fromNative(error)
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
  entry.loading.then(({ native }) => native.close()).catch(() => {})
}

async function read(path: string, offload: boolean, options: ModelOptions) {
  const header = await readGguf(path)
  await checkGguf(header)
  const description = describeGguf(header)
  let thrown: { error: unknown } | undefined
  const native = await loadBinding().loadModel({
    path,
    gpuLayers: offload ? -1 : 0,
    // A listener that throws must not do so in a native callback: the load rejects with its error.
    onProgress: (fraction) => {
      try {
        options.onProgress?.(fraction)
      } catch (error) {
        thrown ??= { error }
      }
    },
  })
  if (thrown) {
    native.close()
    throw thrown.error
  }
  return { native, description }
}

/** The same file on the same back end has the same key; a file that was replaced has another. */
async function identity(path: string, offload: boolean): Promise<string> {
  try {
    const real = await realpath(path)
    const { mtimeMs, size, ino } = await stat(real)
    return `${real}\0${ino}\0${size}\0${mtimeMs}\0${offload}`
  } catch {
    // Not there: reading it gives the typed error.
    return `${path}\0${offload}`
  }
}

function wantsOffload(gpu: Gpu): boolean {
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
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
