import { copyFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Placement } from '../../lib/binding/device/place.js'
import { forget, recall, remember } from '../../lib/binding/probe-cache.js'
import { requireDeviceMemory, splitMemory } from '../../lib/engine/device-memory.js'
import { MemoryError } from '../../lib/errors.js'
import { describeGguf } from '../../lib/models/gguf/describe.js'
import { readGguf } from '../../lib/models/gguf/reader.js'
import { exactEngine } from '../support/fixtures.js'
import { temporaryDirectory } from '../support/temporary.js'

const demo = (variant: 'gen' | 'stream') =>
  fileURLToPath(new URL(`../../models/demo-${variant}.gguf`, import.meta.url))

describe('memory between a device and the machine', () => {
  const engine = exactEngine()

  it.each(['gen', 'stream'] as const)('adds up to that of the CPU, of %s', async (variant) => {
    const model = describeGguf(await readGguf(demo(variant)))
    const none = splitMemory(model, engine, 0, false)
    expect(none.device.weights).toBe(0)
    expect(none.device.kvCache).toBe(0)
    expect(none.host.weights).toBeCloseTo(model.sizeBytes)
    for (let layers = 1; layers <= model.blockCount; layers++) {
      const { device, host } = splitMemory(model, engine, layers, false)
      expect(device.kvCache + host.kvCache).toBeCloseTo(none.host.kvCache)
      expect(device.kvCache).toBeCloseTo((none.host.kvCache * layers) / model.blockCount)
      // A tied output layer is on the device besides, with whatever number of layers.
      const output = device.weights + host.weights - model.sizeBytes
      if (variant === 'gen') expect(output).toBeGreaterThan(0)
      else expect(output).toBeCloseTo(0)
    }
  })

  it('counts no second output layer where the file has one of its own', async () => {
    const tied = describeGguf(await readGguf(demo('gen')))
    expect(tied.tiedOutput).toBe(true)
    const { device, host } = splitMemory({ ...tied, tiedOutput: false }, engine, tied.blockCount, false)
    expect(device.weights + host.weights).toBeCloseTo(tied.sizeBytes)
  })

  it('counts no weights that another guard has loaded', async () => {
    const model = describeGguf(await readGguf(demo('gen')))
    const { device, host } = splitMemory(model, engine, model.blockCount, true)
    expect([device.weights, host.weights]).toEqual([0, 0])
  })

  it('must hold both at once where it is the same memory', async () => {
    const model = describeGguf(await readGguf(demo('gen')))
    const need = splitMemory(model, engine, model.blockCount, false)
    const both = need.device.total + need.host.total
    const require = (unified: boolean, free: number, available: number) => {
      const device = { backend: 'vulkan', name: 'Vulkan0', description: 'a GPU', totalBytes: 1e12, unified }
      const placement = { device } as unknown as Placement
      return () => requireDeviceMemory(need, placement, engine, free, available)
    }
    expect(require(false, need.device.total, need.host.total)).not.toThrow()
    expect(require(true, both, both)).not.toThrow()
    const sizes = (needed: number, available: number) =>
      expect.objectContaining({ neededBytes: needed, availableBytes: available })
    const failure = (attempt: () => void) => {
      try {
        attempt()
      } catch (error) {
        expect(error).toBeInstanceOf(MemoryError)
        return error
      }
    }
    expect(failure(require(true, both, both - 1))).toEqual(sizes(both, both - 1))
    expect(failure(require(true, need.device.total - 1, both))).toEqual(
      sizes(need.device.total, need.device.total - 1),
    )
    expect(failure(require(false, both, need.host.total - 1))).toEqual(
      sizes(need.host.total, need.host.total - 1),
    )
  })
})

describe('what trials found', () => {
  const directory = temporaryDirectory()
  const addon = { path: path.join(directory, 'addon.node') }
  beforeEach(() => {
    process.env.QWEN3GUARD_CACHE = path.join(directory, 'cache')
    copyFileSync(demo('gen'), addon.path)
    remember(addon, 'device', { flashAttention: true })
  })

  it('is remembered until the addon changes', () => {
    expect(recall(addon, 'device')).toEqual({ flashAttention: true })
    expect(recall(addon, 'another')).toBeUndefined()
    utimesSync(addon.path, 1, 1)
    expect(recall(addon, 'device')).toBeUndefined()
  })

  it('is that of the surroundings it was found in', () => {
    process.env.VK_DRIVER_FILES = '/another.json'
    try {
      expect(recall(addon, 'device')).toBeUndefined()
    } finally {
      delete process.env.VK_DRIVER_FILES
    }
    expect(recall(addon, 'device')).toEqual({ flashAttention: true })
  })

  it('is forgotten when asked, and where its file is broken', () => {
    forget(addon, 'device')
    expect(recall(addon, 'device')).toBeUndefined()
    remember(addon, 'device', { flashAttention: true })
    const probes = path.join(directory, 'cache', 'probes')
    for (const name of readdirSync(probes)) writeFileSync(path.join(probes, name), '{')
    expect(recall(addon, 'device')).toBeUndefined()
  })
})
