import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { ModelFileError, ModelKindError } from '../errors.js'
import type { ModelDescription } from '../models/describe.js'
import { findInstalled, HUB_PREFIX } from '../models/installed.js'
import type { LoadOptions } from '../types.js'
import { loadBinding } from './binding.js'
import { Engine, type EngineOptions, PINNED_CELLS } from './engine.js'
import { listen } from './log.js'
import { estimateMemory, type MemoryNeed, requireMemory, weightBytes } from './memory.js'
import { Model, wantsOffload } from './model.js'
import { validateLoadOptions } from './options.js'
import { BUNDLE_MENDING, packageRoot } from './package-root.js'
import { defaultThreads } from './threads.js'

export type Variant = 'gen' | 'stream'

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

/** Defaults by variant: Gen shares one pool of cells, Stream gives each sequence its own (docs/options.md). */
const DEFAULTS = {
  gen: { contextSize: 4096, maxSequences: 16, unified: true, outputs: 64 },
  stream: { contextSize: 2048, maxSequences: 8, unified: false, outputs: 512 },
} as const

const BATCH_SIZE = 512

/** A CPU is busy with so many tokens at once. */
const PREFILL_TOKENS = 128

/** Sequences of a pool below which none is spent on a prefix that prompts share. */
export const SEQUENCES_TO_PIN = 4

/** A model with an engine on it, and the chat template to render with. */
export interface LoadedEngine {
  model: Model
  engine: Engine
  /** The option's, or the GGUF's; null if there is none. */
  template: string | null
  /** Closes the engine, then gives the model back. Idempotent. */
  close(): Promise<void>
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
 * @throws TypeError, RangeError for options; AddonLoadError, ModelFileError, ModelKindError, MemoryError, `signal.reason`
 */
export async function loadEngine(
  options: LoadOptions,
  variant: Variant,
  admit?: (description: ModelDescription) => void | Promise<void>,
): Promise<LoadedEngine> {
  validateLoadOptions(options)
  const file = resolveModel(options.model, variant)
  const stopLog = options.onLog ? listen(options.logLevel ?? 'error', options.onLog) : undefined
  let model: Model | undefined
  try {
    model = await Model.load(file, {
      ...options,
      admit: async (description, inMemory) => {
        requireVariant(description, variant, file)
        await admit?.(description)
        const offloaded = wantsOffload(options.gpu ?? 'auto')
        const settings = engineOptions(options, variant, description, offloaded)
        // On a GPU, weights and cache are in its own memory, and llama.cpp says when that is short.
        if (offloaded) return
        const repacked = loadBinding().repacks(description.weightType)
        requireMemory(description, settings, inMemory ? 0 : weightBytes(description, repacked))
      },
    })
    const { description } = model
    if (description.demonstration) warnDemonstration()
    const settings = engineOptions(options, variant, description, model.offloaded)
    const engine = await Engine.create(model, settings, options.signal)
    const held = model
    return {
      model,
      engine,
      template: options.chatTemplate ?? description.chatTemplate,
      close: async () => {
        await engine.close()
        held.close()
        stopLog?.()
      },
    }
  } catch (error) {
    model?.close()
    stopLog?.()
    throw error
  }
}

/** What a guard of this variant takes on the CPU with default options. */
export function defaultMemory(description: ModelDescription, variant: Variant): MemoryNeed {
  const weights = weightBytes(description, loadBinding().repacks(description.weightType))
  return estimateMemory(description, engineOptions({}, variant, description, false), weights)
}

function engineOptions(
  options: LoadOptions,
  variant: Variant,
  description: ModelDescription,
  offloaded: boolean,
): EngineOptions {
  const defaults = DEFAULTS[variant]
  const contextSize = options.contextSize ?? Math.min(defaults.contextSize, description.contextLength)
  if (contextSize > description.contextLength) {
    throw new RangeError(
      `contextSize is ${contextSize}, the model was trained for ${description.contextLength} positions at most`,
    )
  }
  const maxSequences = options.maxSequences ?? defaults.maxSequences
  const kvType = options.kvType ?? 'f16'
  if (kvType === 'q8_0' && description.keyLength % 32 !== 0) {
    throw new RangeError(
      `kvType 'q8_0' stores values in blocks of 32, this model's attention heads have ${description.keyLength}: use 'f16'`,
    )
  }
  // llama.cpp's CPU kernel accumulates in f16 (docs/accuracy.md).
  const flashAttention = !offloaded && kvType !== 'q8_0' ? false : 'auto'
  return {
    contextSize,
    maxSequences,
    unified: defaults.unified,
    // A full conversation must fit beside what is pinned; short ones share the rest.
    cells: Math.max(contextSize + (maxSequences >= SEQUENCES_TO_PIN ? PINNED_CELLS : 0), maxSequences * 512),
    maxQueue: options.maxQueue ?? 1024,
    batchSize: BATCH_SIZE,
    maxOutputs: Math.max(defaults.outputs, maxSequences),
    prefillTokens: offloaded ? BATCH_SIZE : PREFILL_TOKENS,
    setsAside: defaults.unified && !offloaded,
    threads: options.threads ?? defaultThreads(description.parameters),
    kvType,
    flashAttention:
      options.flashAttention === undefined || options.flashAttention === 'auto'
        ? flashAttention
        : options.flashAttention,
  }
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
