import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { BackendError, MemoryError, ModelFileError, ModelKindError } from '../errors.js'
import type { ModelDescription } from '../models/describe.js'
import { findInstalled, HUB_PREFIX } from '../models/installed.js'
import type { GuardDevice, LoadOptions } from '../types.js'
import { loadBinding } from './binding.js'
import { freeOnDevice, requireDeviceMemory, type SplitNeed, splitMemory } from './device/memory.js'
import { onCpu, type Placement, place } from './device/place.js'
import { Engine, type EngineOptions } from './engine.js'
import { listen, tell } from './log.js'
import { estimateMemory, type MemoryNeed, requireMemory, weightBytes } from './memory.js'
import { Model, untilAborted } from './model.js'
import { validateLoadOptions } from './options.js'
import { BUNDLE_MENDING, packageRoot } from './package-root.js'
import { engineOptions, type Variant } from './settings.js'
import { boundThreads } from './threads.js'

export { SEQUENCES_TO_PIN, type Variant } from './settings.js'

/** @throws ModelFileError in a bundle that the package is not beside */
function demoModel(name: string): string {
  const { folder, bundled } = packageRoot()
  const file = path.join(folder, 'models', `${name}.gguf`)
  if (bundled && !existsSync(file)) {
    const message = `the demonstration model is not at ${file}. ${BUNDLE_MENDING}, or give the path of a .gguf file`
    throw new ModelFileError(message, undefined, 'ERR_MODEL_NOT_FOUND')
  }
  return file
}

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
 * Path of a model: a .gguf file's own, or that of the demonstration model or pulled model a name stands for.
 *
 * @throws ModelFileError ERR_MODEL_NOT_FOUND for a name that has not been pulled
 */
export function resolveModel(name: string | undefined, variant: Variant): string {
  if (name === undefined || name === 'demo') return demoModel(`demo-${variant}`)
  if (name === 'demo-gen' || name === 'demo-stream') return demoModel(name)
  if (name.includes('\0')) throw new TypeError('Expected `model` to name a file, got a name with a zero byte')
  if (/^file:/i.test(name)) return fileOf(name)
  const file = path.resolve(name)
  // A folder of the same name as a repository's is what was downloaded of it.
  if (name.includes('/') && !name.startsWith(HUB_PREFIX) && existsSync(file)) return file
  const installed = findInstalled(name)
  if (installed === null && /^https?:/i.test(name)) {
    throw new ModelFileError(
      `${name} is an address, and loading downloads nothing: pull a model by its name (\`npx qwen3guard pull qwen3guard-${variant}-0.6b\`, or \`hf:owner/repo/file.gguf\` for a GGUF on the hub), or give the path of a .gguf file`,
      undefined,
      'ERR_MODEL_NOT_FOUND',
    )
  }
  if (installed === null && REPOSITORY.test(name) && !/\.gguf$/i.test(name)) {
    throw new ModelFileError(
      `there is no model file at ${file}. If ${name} is a repository on the hub, a GGUF of it comes with \`npx qwen3guard pull hf:${name}/FILE.gguf\``,
      undefined,
      'ERR_MODEL_NOT_FOUND',
    )
  }
  return installed ?? file
}

/** As the hub spells them. */
const REPOSITORY = /^[\w-][\w.-]*\/[\w.-]+$/

/** @throws TypeError for an address that names no file on this machine */
function fileOf(address: string): string {
  try {
    return fileURLToPath(address)
  } catch (cause) {
    throw new TypeError(`Expected \`model\` to be the address of a file here, got '${address}'`, { cause })
  }
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
  validateLoadOptions(options)
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
  const settings = (description: ModelDescription) =>
    engineOptions(bounded, variant, description, placement, overrides)
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
        const engine = settings(description)
        if (placement.device) {
          free = await freeOnDevice(placement)
          const layers = options.gpuLayers ?? description.blockCount
          need = splitMemory(description, engine, layers, inMemory)
          requireDeviceMemory(need, placement, engine, free)
        } else {
          const repacked = placement.binding.repacks(description.weightType)
          requireMemory(description, engine, inMemory ? 0 : weightBytes(description, repacked))
        }
      },
    })
    const { description } = model
    if (description.demonstration) warnDemonstration()
    const engine = await Engine.create(model, settings(description), options.signal)
    const held = model
    return {
      model,
      engine,
      device: deviceOf(model),
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

/** What a guard of this variant takes on the CPU with default options. */
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

function warnDemonstration(): void {
  if (warned) return
  warned = true
  process.emitWarning(
    'this is a demonstration model: it shows the software and protects nobody. Use a Qwen3Guard checkpoint for moderation.',
    { code: 'QWEN3GUARD_DEMO' },
  )
}
