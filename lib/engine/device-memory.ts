import { availableMemory } from '../binding/available-memory.js'
import type { Placement } from '../binding/device/place.js'
import { MemoryError } from '../errors.js'
import type { ModelDescription } from '../models/gguf/describe.js'
import type { EngineOptions } from './engine-options.js'
import { estimateMemory, type MemoryNeed } from './memory.js'

/** What a model and an engine take of a GPU's memory and of the machine's, in bytes. */
export interface SplitNeed {
  device: MemoryNeed
  host: MemoryNeed
}

/**
 * Divides the estimate of docs/options.md between a GPU that has the last `gpuLayers` layers and the machine. The embedding
 * stays on the machine; with all layers the output layer is on the GPU, which is the embedding once more where they are tied.
 *
 * @param inMemory the weights are loaded already
 */
export function splitMemory(
  model: ModelDescription,
  engine: EngineOptions,
  gpuLayers: number,
  inMemory: boolean,
): SplitNeed {
  const share = Math.min(1, gpuLayers / model.blockCount)
  const embedding =
    model.sizeBytes * Math.min(1, (model.vocabSize * model.embeddingLength) / Math.max(1, model.parameters))
  // The output layer is on the device with any layer of it: one of its own counts as a layer's bytes, a tied one is a copy.
  const output = gpuLayers > 0 && !model.heads && model.tiedOutput ? embedding : 0
  const whole = estimateMemory(model, engine, 0)
  const onDevice = inMemory ? 0 : (model.sizeBytes - embedding) * share + output
  const onHost = inMemory ? 0 : (model.sizeBytes - embedding) * (1 - share) + embedding
  return {
    device: total({ ...whole, weights: onDevice, kvCache: whole.kvCache * share, kept: 0 }),
    host: total({ ...whole, weights: onHost, kvCache: whole.kvCache * (1 - share) }),
  }
}

function total(need: MemoryNeed): MemoryNeed {
  return { ...need, total: need.weights + need.kvCache + need.kept + need.compute }
}

/** Free bytes of the placement's GPU as its driver says now. */
export async function freeOnDevice({ binding, device }: Placement): Promise<number> {
  const found = (await binding.devices()).find(({ name }) => name === device?.name)
  return found?.freeBytes ?? 0
}

/** @throws MemoryError with both sizes, before the driver refuses */
export function requireDeviceMemory(
  { device, host }: SplitNeed,
  placement: Placement,
  engine: EngineOptions,
  free: number,
  available = availableMemory(),
): void {
  const { name, description, unified } = placement.device!
  check(device, free, `on ${name} (${description})`, engine)
  // What both take there is taken once from the same memory.
  if (unified) check(sum(device, host), available, `of the machine, whose memory ${name} shares,`, engine)
  else check(host, available, 'of the machine', engine)
}

function sum(a: MemoryNeed, b: MemoryNeed): MemoryNeed {
  return {
    weights: a.weights + b.weights,
    kvCache: a.kvCache + b.kvCache,
    kept: a.kept + b.kept,
    compute: a.compute + b.compute,
    total: a.total + b.total,
  }
}

function check(need: MemoryNeed, available: number, where: string, engine: EngineOptions): void {
  if (need.total <= available) return
  const size = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`
  throw new MemoryError(
    need.total,
    available,
    `this needs about ${size(need.total)} ${where} (weights ${size(need.weights)}, KV cache ${size(need.kvCache + need.kept)}, ` +
      `compute ${size(need.compute)}) and ${size(available)} are free: lower contextSize (${engine.contextSize}) or ` +
      `maxSequences (${engine.maxSequences}), leave layers to the CPU with gpuLayers, choose another device, or a smaller model or type`,
  )
}
