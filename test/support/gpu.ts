import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Gpu } from '../../lib/types.js'

/**
 * Where the tests of engine, Gen, Stream, parity and lifecycle compute: QWEN3GUARD_TEST_GPU, or the CPU. `npm run
 * test:gpu` runs them all on Vulkan.
 */
export const GPU: Gpu = (process.env.QWEN3GUARD_TEST_GPU as Gpu | undefined) || false

/**
 * How far a figure may be from a golden one, or from that of another cut of the text, by the type of weights and KV cache.
 *
 * The random fixtures magnify rounding, their attention being peaked so that a wrong RoPE shows: with q8_0 weights GPU and
 * CPU are 0.8 apart in a logit of theirs, 0.05 in one of a demonstration model. Factors rounded to f16 change their
 * probabilities by 0.02 and log-probabilities by 0.03, on the CPU as well.
 */
const BOUNDS = {
  // Vulkan without cooperative matrices multiplies f32 in f32; CUDA's TF32 has as many digits as f16.
  f32: GPU === 'vulkan' ? 5e-4 : 0.05,
  // The demonstration models.
  q8_0: 0.01,
}

/** `onCpu` on the CPU, at least the bound of `type` on a GPU. */
export const near = (onCpu: number, type: keyof typeof BOUNDS = 'f32'): number =>
  GPU === false ? onCpu : Math.max(onCpu, BOUNDS[type])

/** Decimal digits to compare of a figure in f32. */
export const digits = (onCpu: number): number =>
  GPU === false ? onCpu : Math.min(onCpu, Math.floor(-Math.log10(2 * BOUNDS.f32)))

/** How many texts a test takes where a software driver decodes a token in some tenths of a second. */
export const texts = (onCpu: number): number => (GPU === false ? onCpu : Math.ceil(onCpu / 6))

const VULKAN = fileURLToPath(new URL('../../build/Release/vulkan/qwen3guard.node', import.meta.url))

/** The Vulkan addon, where it was built. */
export const vulkanAddon = existsSync(VULKAN) ? VULKAN : null

/** The environment in which it takes a software driver, which it passes over by itself. */
export const SOFTWARE_DRIVER = { GGML_VK_VISIBLE_DEVICES: '0' }
