import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Gpu } from '../../lib/types.js'

/**
 * Where the tests of engine, Gen, Stream, parity and lifecycle compute: QWEN3GUARD_TEST_GPU, or the CPU. `npm run
 * test:gpu` runs them all on Vulkan.
 */
export const GPU: Gpu = (process.env.QWEN3GUARD_TEST_GPU as Gpu | undefined) || false

/**
 * How far a figure may be from a golden one: on a GPU at least a hundredth, since it sums in another order and Vulkan
 * multiplies in f16. Not all tests hold that yet (docs/gpu.md).
 */
export const near = (onCpu: number): number => (GPU === false ? onCpu : Math.max(onCpu, 0.01))

/** Decimal digits to compare: two fewer on a GPU. */
export const digits = (onCpu: number): number => (GPU === false ? onCpu : onCpu - 2)

const VULKAN = fileURLToPath(new URL('../../build/Release/vulkan/qwen3guard.node', import.meta.url))

/** The Vulkan addon, where it was built. */
export const vulkanAddon = existsSync(VULKAN) ? VULKAN : null

/** The environment in which it takes a software driver, which it passes over by itself. */
export const SOFTWARE_DRIVER = { GGML_VK_VISIBLE_DEVICES: '0' }
