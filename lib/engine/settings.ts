// What an engine is created with, by variant and by where it computes. docs/options.md and docs/performance.md have the
// measurements.

import { availableMemory } from '../binding/available-memory.js'
import type { Placement } from '../binding/device/place.js'
import { BackendError } from '../errors.js'
import type { ModelDescription } from '../models/gguf/describe.js'
import type { Variant } from '../models/resolve.js'
import type { LoadOptions } from '../types.js'
import { batchesFreely } from './determinism.js'
import { type EngineOptions, PINNED_CELLS } from './engine-options.js'
import { kvBytesPerCell } from './memory.js'
import { defaultThreads } from './threads.js'

/** Gen shares one pool of cells; Stream gives each sequence its own. */
const BY_VARIANT = {
  gen: { contextSize: 4096, sequences: { least: 16, most: 16 }, unified: true },
  stream: { contextSize: 2048, sequences: { least: 8, most: 32 }, unified: false },
} as const

/** Of the memory there is, the part that the cells of sequences of their own take by default at most. */
const PART_FOR_CELLS = 1 / 4

/** Sequences by default at least: what a load comes down to before it says that memory does not do. */
export const fewestSequences = (variant: Variant): number => BY_VARIANT[variant].sequences.least

/** A CPU is busy with few tokens at once, and its attention over cells that a sequence does not need takes long. */
const ON_CPU = {
  batchSize: 512,
  prefillTokens: 128,
  maxOutputs: { gen: 64, stream: 512 },
  offloads: true,
  keeps: true,
}

/** A GPU wants many tokens at once, and computes a prefill again sooner than it copies what was kept of one. */
const ON_GPU = {
  batchSize: 2048,
  prefillTokens: 2048,
  maxOutputs: { gen: 256, stream: 2048 },
  offloads: false,
  keeps: false,
}

/**
 * Sequences by default where texts are decoded one by one: Gen's next prompt is made while one is decoded, and more would wait
 * with cells of their own. Streams are open at the same time all the same.
 */
const GEN_ALONE = 2

/** Sequences of a pool below which none is spent on a prefix that prompts share. */
export const SEQUENCES_TO_PIN = 4

/**
 * @throws RangeError for options that this model does not allow; BackendError for flash attention on a device that failed
 *   its trial with it
 */
export function engineOptions(
  options: Omit<LoadOptions, 'model'>,
  variant: Variant,
  description: ModelDescription,
  placement: Placement,
  overrides: Partial<EngineOptions> = {},
): EngineOptions {
  const { unified, ...defaults } = BY_VARIANT[variant]
  const { device } = placement
  const tuned = device ? ON_GPU : ON_CPU
  const contextSize = options.contextSize ?? Math.min(defaults.contextSize, description.contextLength)
  if (contextSize > description.contextLength) {
    throw new RangeError(
      `contextSize is ${contextSize}, the model was trained for ${description.contextLength} positions at most`,
    )
  }
  const kvType = options.kvType ?? 'f16'
  const attention = flashAttention({ ...options, kvType }, placement, description)
  const alone =
    options.deterministic === true &&
    !batchesFreely(description, placement, { kvType, flashAttention: attention })
  const bytes = contextSize * kvBytesPerCell(description, kvType)
  const fitting = Math.floor((PART_FOR_CELLS * (device?.totalBytes ?? availableMemory())) / bytes)
  const { least, most } = alone && variant === 'gen' ? { least: 1, most: GEN_ALONE } : defaults.sequences
  const maxSequences = options.maxSequences ?? Math.min(most, Math.max(least, fitting))
  if (kvType === 'q8_0' && description.keyLength % 32 !== 0) {
    throw new RangeError(
      `kvType 'q8_0' stores values in blocks of 32, this model's attention heads have ${description.keyLength}: use 'f16'`,
    )
  }
  const offloaded = device !== null && (options.gpuLayers ?? description.blockCount) >= description.blockCount
  return {
    contextSize,
    maxSequences,
    unified: unified && !alone,
    // A full conversation must fit beside what is pinned; short ones share the rest.
    cells: Math.max(contextSize + (maxSequences >= SEQUENCES_TO_PIN ? PINNED_CELLS : 0), maxSequences * 512),
    maxQueue: options.maxQueue ?? 1024,
    batchSize: tuned.batchSize,
    maxOutputs: Math.max(tuned.maxOutputs[variant], maxSequences),
    prefillTokens: tuned.prefillTokens,
    offloads: unified && !alone && tuned.offloads,
    keeps: tuned.keeps,
    // A reply's tokens come in pieces of any size; what goes on from a prompt of Gen follows from the prompt.
    alone: alone
      ? { whole: tuned.prefillTokens, following: variant === 'stream' ? 1 : tuned.prefillTokens }
      : null,
    // The CPU only looks embeddings up then: waking threads for that takes longer than doing it.
    threads: options.threads ?? (offloaded ? 1 : defaultThreads(description.parameters)),
    kvType,
    flashAttention: attention,
    ...overrides,
  }
}

function flashAttention(
  { flashAttention: wanted = 'auto', kvType }: Pick<LoadOptions, 'flashAttention' | 'kvType'>,
  { binding, device, flashAttention: works }: Placement,
  { keyLength }: Pick<ModelDescription, 'keyLength'>,
): 'auto' | boolean {
  if (!device) {
    if (wanted !== 'auto' || kvType === 'q8_0') return wanted
    // Our own kernel is exact and fast, llama.cpp's for the CPU accumulates in f16 (docs/accuracy.md).
    return kvType === 'f16' && keyLength % 16 === 0 && binding.ownAttention()
  }
  if (works) return wanted
  if (wanted === true || kvType === 'q8_0') {
    const asked = wanted === true ? 'flashAttention: true' : "kvType: 'q8_0', which needs it,"
    throw new BackendError(
      `flash attention fails on ${device.name} (${device.description}), which was tried: ${asked} cannot be had there`,
    )
  }
  return false
}
