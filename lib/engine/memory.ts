import { availableMemory } from '../binding/available-memory.js'
import { MemoryError } from '../errors.js'
import type { ModelDescription } from '../models/gguf/describe.js'
import type { KvType } from '../types.js'
import { type EngineOptions, keptCells, PINNED_CELLS } from './engine-options.js'

/** Bytes a KV value takes; q8_0 stores 32 values in 34 bytes. */
const KV_BYTES: Record<KvType, number> = { f32: 4, f16: 2, q8_0: 34 / 32 }

/** llama.cpp's graph, tokenizer and bookkeeping, whatever the model. */
const FIXED_BYTES = 32 * 2 ** 20

/** Memory a guard needs, in bytes. docs/options.md explains the terms. */
export interface MemoryNeed {
  weights: number
  kvCache: number
  /** What is kept of done sequences, and copies of what is offloaded. */
  kept: number
  compute: number
  total: number
}

/** KV bytes of one position: keys and values of every layer. */
export function kvBytesPerCell(model: ModelDescription, kvType: KvType): number {
  return model.blockCount * model.headCountKv * 2 * model.keyLength * KV_BYTES[kvType]
}

/** llama.cpp rounds the cells of a pool, or of each sequence of a split cache, up to this. */
function padded(cells: number): number {
  return Math.ceil(cells / 256) * 256
}

/**
 * Bytes that loading a model's weights takes. An LM head tied to the embedding is stored a second time where
 * weights are rearranged (`repacked`), and but on Linux, where it is read from the file's pages, needs a buffer of its size on
 * the way.
 */
export function weightBytes(model: ModelDescription, repacked: boolean): number {
  if (!repacked || model.heads) return model.sizeBytes
  const times = process.platform === 'linux' ? 1 : 2
  const embedding = (model.vocabSize * model.embeddingLength) / Math.max(1, model.parameters)
  return Math.round(model.sizeBytes * (1 + times * Math.min(1, embedding)))
}

/** Estimates what a model and an engine on it will take. `weights`: see `weightBytes`; 0 where they are loaded already. */
export function estimateMemory(model: ModelDescription, engine: EngineOptions, weights: number): MemoryNeed {
  const cells = engine.unified ? padded(engine.cells) : padded(engine.contextSize) * engine.maxSequences
  const kvCache = cells * kvBytesPerCell(model, engine.kvType)
  const offloaded = engine.offloads ? PINNED_CELLS : 0
  const kept = (keptCells(engine) + offloaded) * kvBytesPerCell(model, engine.kvType)
  // Activations of one micro-batch, attention scores where there is no flash attention, output rows.
  const activations =
    engine.batchSize *
    4 *
    (6 * model.embeddingLength + 3 * model.feedForwardLength + 4 * model.headCount * model.keyLength)
  const visible = padded(engine.unified ? engine.cells : engine.contextSize)
  const scores = engine.flashAttention === false ? engine.batchSize * visible * model.headCount * 4 : 0
  const outputWidth = model.heads ? 23 : model.vocabSize
  const outputs = 2 * engine.maxOutputs * outputWidth * 4
  const compute = FIXED_BYTES + activations + scores + outputs
  return { weights, kvCache, kept, compute, total: weights + kvCache + kept + compute }
}

/** @throws MemoryError with both sizes, before the system's out-of-memory killer has its say */
export function requireMemory(
  model: ModelDescription,
  engine: EngineOptions,
  weights: number,
  available = availableMemory(),
): void {
  const need = estimateMemory(model, engine, weights)
  if (need.total <= available) return
  const size = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`
  throw new MemoryError(
    need.total,
    available,
    `this needs about ${size(need.total)} (weights ${size(need.weights)}, KV cache ${size(need.kvCache + need.kept)}, ` +
      `compute ${size(need.compute)}) and ${size(available)} are available: lower contextSize ` +
      `(${engine.contextSize}) or maxSequences (${engine.maxSequences}), use kvType 'q8_0', or a smaller model or type`,
  )
}
