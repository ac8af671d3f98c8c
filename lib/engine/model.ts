import { realpath, stat } from 'node:fs/promises'
import type { NativeBinding, NativeModel } from '../binding/binding.js'
import { type Placement, type PlaceOptions, place } from '../binding/device/place.js'
import { typedErrors } from '../binding/native-error.js'
import { nativePath } from '../binding/native-path.js'
import { GuardClosedError, ModelFileError } from '../errors.js'
import { checkGguf } from '../models/gguf/check/check.js'
import { describeGguf, type ModelDescription } from '../models/gguf/describe.js'
import { readModelHeader } from '../models/gguf/split.js'
import { untilAborted } from '../until-aborted.js'

export interface ModelOptions extends PlaceOptions {
  /** Where it goes. Default: where `gpu` and `device` come to. */
  placement?: Placement | undefined
  /** Layers on the placement's GPU. Default: all. */
  gpuLayers?: number | undefined
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

interface Weights {
  model: Promise<NativeModel>
  /** Ends the reading early: the promise rejects. Nothing once they are read. */
  cancel(): void
}

interface Shared {
  header: Promise<Header>
  /** Set by the first user that was admitted. */
  weights?: Weights
  users: number
}

// Weights by file and back end: a model that several guards use is in memory once.
const shared = new Map<string, Shared>()

/** A GGUF file's weights and tokenizer. Several engines may share one; the last `close()` frees it. */
export class Model {
  readonly path: string
  readonly description: ModelDescription
  readonly placement: Placement
  /** Layers on the GPU: all of them, the output layer with them, or the last ones. 0 on the CPU. */
  readonly gpuLayers: number
  readonly #key: string
  #native: NativeModel | null

  private constructor(
    key: string,
    path: string,
    placement: Placement,
    gpuLayers: number,
    native: NativeModel,
    description: ModelDescription,
  ) {
    this.#key = key
    this.placement = placement
    this.gpuLayers = gpuLayers
    this.path = path
    this.#native = native
    this.description = description
  }

  /**
   * Checks the file, then reads its weights off the JS thread.
   *
   * @throws ModelFileError, ModelKindError, AddonLoadError, BackendError, MemoryError, or `signal.reason`
   */
  static async load(path: string, options: ModelOptions = {}): Promise<Model> {
    options.signal?.throwIfAborted()
    const placement = options.placement ?? (await untilAborted(place(options), options.signal))
    const { repack = true } = options
    const { device } = placement
    const how = `${placement.path} ${device?.name ?? 'cpu'} ${options.gpuLayers ?? 'all'} ${repack}`
    const key = await identity(path, how)
    let entry = shared.get(key)
    if (!entry) {
      entry = { header: describe(path), users: 0 }
      shared.set(key, entry)
    }
    entry.users += 1
    try {
      const header = await untilAborted(entry.header, options.signal)
      const { description } = header
      const gpuLayers = device
        ? Math.min(options.gpuLayers ?? description.blockCount, description.blockCount)
        : 0
      await options.admit?.(description, entry.weights !== undefined)
      options.signal?.throwIfAborted()
      const reads = entry.weights === undefined
      const where = { placement, gpuLayers: nativeLayers(gpuLayers, description.blockCount), repack }
      entry.weights ??= readWeights(header.path, description, where, options.onProgress)
      const native = await untilAborted(entry.weights.model, options.signal)
      if (reads && (await identity(path, how)) !== key) throw replaced(path)
      if (!reads) options.onProgress?.(1)
      return new Model(key, path, placement, gpuLayers, native, description)
    } catch (error) {
      void release(key, entry)
      throw error
    }
  }

  /** @throws GuardClosedError after `close()` */
  get native(): NativeModel {
    if (!this.#native) throw new GuardClosedError('the model is closed')
    return this.#native
  }

  /** The addon that the weights were loaded with. */
  get binding(): NativeBinding {
    return this.placement.binding
  }

  /** Gives this share of the weights back; the last one frees them. Idempotent. Engines that still run keep them alive. */
  async close(): Promise<void> {
    if (!this.#native) return
    this.#native = null
    const entry = shared.get(this.#key)
    if (entry) await release(this.#key, entry)
  }
}

/** llama.cpp counts the output layer as one, and puts it on the device before any other. */
function nativeLayers(layers: number, all: number): number {
  if (layers >= all) return -1
  return layers === 0 ? 0 : layers + 1
}

async function release(key: string, entry: Shared): Promise<void> {
  entry.users -= 1
  if (entry.users > 0 || shared.get(key) !== entry) return
  shared.delete(key)
  // What is still being read has no user any more.
  entry.weights?.cancel()
  await entry.weights?.model.then((native) => native.close()).catch(() => {})
}

async function describe(path: string): Promise<Header> {
  const header = await readModelHeader(path)
  await checkGguf(header)
  return { description: describeGguf(header), path: header.path }
}

function readWeights(
  path: string,
  description: ModelDescription,
  { placement, gpuLayers, repack }: { placement: Placement; gpuLayers: number; repack: boolean },
  onProgress: ModelOptions['onProgress'],
): Weights {
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
  const { binding, device } = placement
  const { model, cancel } = binding.loadModel({
    path: nativePath(path),
    device: device?.name ?? '',
    gpuLayers: device ? gpuLayers : 0,
    repack,
    // Pages that were read only to be rearranged would count as this process's memory from then on, but on Linux.
    mmap:
      device !== null || process.platform === 'linux' || !(repack && binding.repacks(description.weightType)),
    onProgress: (fraction) => {
      if (!done && fraction < 1) report(fraction)
    },
  })
  const read = async () => {
    const native = await typedErrors(model)
    // Native reports may still be under way; the last one is ours.
    done = true
    report(1)
    if (thrown) {
      await native.close()
      throw thrown.error
    }
    return native
  }
  return {
    model: read(),
    cancel: () => {
      done = true
      cancel()
    },
  }
}

/** What was checked need not be what was read. */
function replaced(path: string): ModelFileError {
  return new ModelFileError(
    `${path} was replaced or written to while it was loaded: load it again when it is complete`,
    undefined,
    'ERR_MODEL_LOAD',
  )
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
