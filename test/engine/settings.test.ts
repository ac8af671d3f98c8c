import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { onCpu, type Placement } from '../../lib/binding/device/place.js'
import { estimateMemory } from '../../lib/engine/memory.js'
import { engineOptions } from '../../lib/engine/settings.js'
import { MemoryError, StreamGuard } from '../../lib/index.js'
import { describeGguf, type ModelDescription } from '../../lib/models/gguf/describe.js'
import { readGguf } from '../../lib/models/gguf/reader.js'
import type { LoadOptions } from '../../lib/types.js'

const GIB = 2 ** 30

/** A sequence of 512 positions takes 56 MiB in f16. */
const SHAPE_06B = {
  blockCount: 28,
  headCountKv: 8,
  keyLength: 128,
  contextLength: 32_768,
  parameters: 6e8,
} as ModelDescription

function places(
  freeGib: number,
  options: Partial<LoadOptions> = {},
  placement: Placement = onCpu(null),
): number {
  vi.spyOn(process, 'availableMemory').mockReturnValue(freeGib * GIB)
  return engineOptions({ model: 'demo', ...options }, 'stream', SHAPE_06B, placement).maxSequences
}

describe('places for streams by default', () => {
  afterEach(() => vi.restoreAllMocks())

  it('are as many as fit in a quarter of the memory there is, from 8 to 32', () => {
    expect(places(0.5)).toBe(8)
    expect(places(2, { contextSize: 512 })).toBe(9)
    expect(places(2, { contextSize: 256 })).toBe(18)
    expect(places(2, { contextSize: 256, kvType: 'f32' })).toBe(9)
    expect(places(2, { contextSize: 64 })).toBe(32)
  })

  it("count a GPU's memory where the cells are there", () => {
    const device = { backend: 'cuda', name: 'CUDA0', description: 'a GPU', totalBytes: 80 * GIB } as const
    const placement = { ...onCpu(null), device: device as unknown as Placement['device'] }
    expect(places(1, {}, placement)).toBe(32)
  })

  it('are what is asked for, where they are', () => {
    expect(places(2, { maxSequences: 100 })).toBe(100)
  })

  it('are fewer where memory has no room for as many beside the weights, before a load fails', async () => {
    const file = fileURLToPath(new URL('../../models/demo-stream.gguf', import.meta.url))
    const description = describeGguf(await readGguf(file))
    const onEight = engineOptions({ contextSize: 512, maxSequences: 8 }, 'stream', description, onCpu(null))
    const { total } = estimateMemory(description, onEight, description.sizeBytes)
    vi.spyOn(process, 'availableMemory').mockReturnValue(total + 1e6)
    const wanted = engineOptions({ contextSize: 512 }, 'stream', description, onCpu(null))
    expect(wanted.maxSequences).toBeGreaterThan(8)
    const guard = await StreamGuard.load({ model: 'demo-stream', gpu: false, contextSize: 512 })
    expect(guard.stats().maxSequences).toBe(8)
    await guard.close()
    await expect(
      StreamGuard.load({
        model: 'demo-stream',
        gpu: false,
        contextSize: 512,
        maxSequences: wanted.maxSequences,
      }),
    ).rejects.toThrow(MemoryError)
  })
})
