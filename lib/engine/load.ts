import { loadBinding } from '../binding/addon.js'
import { onCpu, type Placement, place } from '../binding/device/place.js'
import { listen, tell } from '../binding/log.js'
import { BackendError, MemoryError, ModelKindError } from '../errors.js'
import type { ModelDescription } from '../models/gguf/describe.js'
import { resolveModel, type Variant } from '../models/resolve.js'
import type { Determinism, GuardDevice, LoadOptions } from '../types.js'
import { untilAborted } from '../until-aborted.js'
import { determinismOf } from './determinism.js'
import { freeOnDevice, requireDeviceMemory, type SplitNeed, splitMemory } from './device-memory.js'
import { Engine } from './engine.js'
import type { EngineOptions } from './engine-options.js'
import { validateLoadOptions } from './load-options.js'
import { estimateMemory, type MemoryNeed, requireMemory, weightBytes } from './memory.js'
import { Model } from './model.js'
import { engineOptions, fewestSequences } from './settings.js'
import { boundThreads } from './threads.js'

/** Settings for probes, tests and measurements. */
export interface InternalLoadOptions {
  /** Instead of what `gpu` and `device` would come to. */
  placement?: Placement
  /** Instead of what variant and device would come to. */
  engine?: Partial<EngineOptions>
}

/** A model with an engine on it, and the chat template to render with. */
export interface LoadedEngine {
  model: Model
  engine: Engine
  device: GuardDevice
  determinism: Determinism
  /** The option's, or the GGUF's; null if there is none. */
  template: string | null
  /** Closes the engine, then gives the model back. Idempotent. */
  close(): Promise<void>
}

/**
 * What a guard's constructor was given, if that is what `load` gives it.
 * @throws TypeError for a constructor that was called from outside: nothing but `load` can make a guard
 */
export function requireLoaded(loaded: LoadedEngine, guard: 'GenGuard' | 'StreamGuard'): LoadedEngine {
  if (loaded?.engine instanceof Engine) return loaded
  throw new TypeError(
    `A ${guard} is made by loading: \`await ${guard}.load(options)\`, not \`new ${guard}()\``,
  )
}

/**
 * Resolves, checks and loads a model and creates the engine its variant wants.
 *
 * @param admit throws if this model is not to be loaded; called before its weights are read
 * @throws TypeError, RangeError for options; AddonLoadError, BackendError, ModelFileError, ModelKindError, MemoryError,
 *   `signal.reason`
 */
export async function loadEngine(
  options: LoadOptions,
  variant: Variant,
  admit?: (description: ModelDescription) => void | Promise<void>,
  internal: InternalLoadOptions = {},
): Promise<LoadedEngine> {
  validateLoadOptions(options, variant)
  options.signal?.throwIfAborted()
  const file = resolveModel(options.model, variant)
  const placement = internal.placement ?? (await untilAborted(place(options), options.signal))
  const { gpu = 'auto', device } = options
  try {
    return await loadOn(placement, file, options, variant, admit, internal.engine)
  } catch (error) {
    // 'auto' takes what serves: a GPU that is too small for this model, or cannot do what it is asked for, does not.
    const unfit = error instanceof MemoryError || error instanceof BackendError
    if (!unfit || !placement.device || gpu !== 'auto' || device !== undefined || internal.placement)
      throw error
    const reason = `${placement.device.backend}: ${error.message}`
    return await loadOn(
      onCpu(reason, [...placement.passedOver, reason]),
      file,
      options,
      variant,
      admit,
      internal.engine,
    )
  }
}

async function loadOn(
  placement: Placement,
  file: string,
  options: LoadOptions,
  variant: Variant,
  admit: ((description: ModelDescription) => void | Promise<void>) | undefined,
  overrides: Partial<EngineOptions> | undefined,
): Promise<LoadedEngine> {
  const stopLog = listenIfAsked(options, placement)
  // Once, since it warns.
  const bounded =
    options.threads === undefined ? options : { ...options, threads: boundThreads(options.threads) }
  let chosen: EngineOptions | undefined
  // Once too, since what memory is free changes while weights are read.
  const settings = (description: ModelDescription) => {
    chosen ??= engineOptions(bounded, variant, description, placement, overrides)
    return chosen
  }
  /** Half of the places that nobody asked for; null where there are as few as there may be. */
  const fewer = (places: number) => {
    const asked = options.maxSequences ?? overrides?.maxSequences
    const fewest = fewestSequences(variant)
    return asked === undefined && places > fewest ? Math.max(fewest, places >> 1) : null
  }
  let model: Model | undefined
  let need: SplitNeed | undefined
  let free = Number.POSITIVE_INFINITY
  try {
    model = await Model.load(file, {
      ...options,
      placement,
      admit: async (description, inMemory) => {
        requireVariant(description, variant, file)
        await admit?.(description)
        if (placement.device) free = await freeOnDevice(placement)
        for (;;) {
          try {
            need = requireRoom(description, settings(description), placement, options, inMemory, free)
            return
          } catch (error) {
            const maxSequences = fewer(settings(description).maxSequences)
            if (!(error instanceof MemoryError) || maxSequences === null) throw error
            chosen = engineOptions({ ...bounded, maxSequences }, variant, description, placement, overrides)
          }
        }
      },
    })
    const { description } = model
    if (description.demonstration) warnDemonstration(variant)
    const engine = await Engine.create(model, settings(description), options.signal)
    const held = model
    return {
      model,
      engine,
      device: deviceOf(model),
      determinism: determinismOf(description, placement, engine.options),
      template: options.chatTemplate ?? description.chatTemplate,
      close: async () => {
        try {
          await engine.close()
        } finally {
          await held.close().finally(() => stopLog?.())
        }
      },
    }
  } catch (error) {
    await model?.close()
    stopLog?.()
    throw withSizes(error, placement, need, free)
  }
}

/** What is needed of a device; undefined without one. @throws MemoryError with both sizes where it is not there */
function requireRoom(
  description: ModelDescription,
  engine: EngineOptions,
  placement: Placement,
  { gpuLayers = description.blockCount }: LoadOptions,
  inMemory: boolean,
  free: number,
): SplitNeed | undefined {
  if (placement.device) {
    const need = splitMemory(description, engine, gpuLayers, inMemory)
    requireDeviceMemory(need, placement, engine, free)
    return need
  }
  const repacked = placement.binding.repacks(description.weightType)
  requireMemory(description, engine, inMemory ? 0 : weightBytes(description, repacked))
  return undefined
}

/** The log of the addon that computes, and which GPUs were passed over on the way to it. */
function listenIfAsked(
  { onLog, logLevel = 'error' }: LoadOptions,
  { binding, device, fallback, passedOver }: Placement,
): (() => void) | undefined {
  if (!onLog) return undefined
  const stop = listen(binding, logLevel, onLog)
  for (const reason of passedOver) {
    tell({ level: logLevel, onLog }, 'warn', `gpu: 'auto' passes over ${reason}`)
  }
  if (device === null && fallback !== null) {
    tell({ level: logLevel, onLog }, 'info', `gpu: 'auto' comes to the CPU: ${fallback}`)
  }
  return stop
}

/** A driver that runs out of memory says neither how much it has nor how much it was asked for. */
function withSizes(
  error: unknown,
  { device }: Placement,
  need: SplitNeed | undefined,
  free: number,
): unknown {
  if (!(error instanceof MemoryError) || device === null || error.neededBytes !== null || !need) return error
  const size = (bytes: number) => (bytes / 2 ** 20).toFixed(0)
  const message =
    `${error.message} (${device.name}, ${device.description}: about ${size(need.device.total)} MiB are needed, and ` +
    `${size(free)} of ${size(device.totalBytes)} MiB were free before the load)`
  return new MemoryError(need.device.total, free, message, { cause: error })
}

function deviceOf({ placement: { device, fallback }, description, gpuLayers }: Model): GuardDevice {
  return {
    backend: (device?.backend ?? 'cpu') as GuardDevice['backend'],
    name: device?.name ?? 'CPU',
    description: device?.description ?? null,
    layers: { device: device ? gpuLayers : description.blockCount, total: description.blockCount },
    fallback,
  }
}

/** What a guard of this variant takes on the CPU with default options, which go by the memory that is available here. */
export function defaultMemory(description: ModelDescription, variant: Variant): MemoryNeed {
  const binding = loadBinding()
  const weights = weightBytes(description, binding.repacks(description.weightType))
  return estimateMemory(description, engineOptions({}, variant, description, onCpu(null)), weights)
}

function requireVariant(description: ModelDescription, variant: Variant, file: string): void {
  const { name } = description
  const named = name === null ? '' : ` (${JSON.stringify(name)})`
  const wanted = (kind: string) =>
    `${kind}Guard needs a Qwen3Guard-${kind} file: \`npx qwen3guard pull qwen3guard-${variant}-0.6b\` makes one, and \`npx qwen3guard convert\` makes one of a checkpoint`
  if (variant === 'gen' && description.variant === 'stream') {
    throw new ModelKindError(
      `${file} is a Qwen3Guard-Stream model${named}: load it with StreamGuard. ${wanted('Gen')}`,
    )
  }
  if (variant === 'stream' && description.variant !== 'stream') {
    const what =
      description.variant === 'gen'
        ? `a Qwen3Guard-Gen model${named}: load it with GenGuard`
        : `a plain Qwen3 model${named} without guard heads. If it is somebody's conversion of Qwen3Guard-Gen, load it with GenGuard`
    throw new ModelKindError(`${file} is ${what}. ${wanted('Stream')}`)
  }
}

let warned = false

function warnDemonstration(variant: Variant): void {
  if (warned) return
  warned = true
  process.emitWarning(
    'this is a demonstration model: it shows the software and protects nobody. For moderation run ' +
      `\`npx qwen3guard pull qwen3guard-${variant}-0.6b\` and give that name as \`model\`.`,
    { code: 'QWEN3GUARD_DEMO' },
  )
}
