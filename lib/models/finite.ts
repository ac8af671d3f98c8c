import { brokenCheckpoint } from './checkpoint-json.js'
import type { CheckpointTensor } from './safetensors.js'

/** Largest finite value of f16. */
const F16_MOST = 65504

/**
 * Refuses weights that are NaN or infinite, or too large for f16 when that is what they become: a model
 * with such a weight gives no verdict at all.
 *
 * @param slab whole values of `source`'s type, aligned to them
 */
export function checkFinite(slab: Uint8Array, source: CheckpointTensor, target: string): void {
  const most = target === 'f16' ? F16_MOST : Number.POSITIVE_INFINITY
  const bad =
    source.type === 'f32'
      ? badFloat32(new Float32Array(slab.buffer, slab.byteOffset, slab.byteLength / 4), most)
      : badFloat16(new Uint16Array(slab.buffer, slab.byteOffset, slab.byteLength / 2), source.type, most)
  if (bad === null) return
  const todo = Number.isFinite(bad) ? 'convert with --type bf16 or f32' : 'download the checkpoint again'
  const limit = Number.isFinite(bad) ? `at most ${F16_MOST}, f16's largest` : 'a finite number'
  throw brokenCheckpoint(`${source.path}: a weight of ${source.name} is ${bad}, expected ${limit}: ${todo}`)
}

function badFloat32(values: Float32Array, most: number): number | null {
  for (const value of values) if (!(value >= -most && value <= most) || !Number.isFinite(value)) return value
  return null
}

function badFloat16(bits: Uint16Array, type: 'f16' | 'bf16', most: number): number | null {
  // The greatest magnitude has the greatest bits once the sign is cleared, for both types.
  let greatest = 0
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i]! & 0x7fff
    if (magnitude > greatest) greatest = magnitude
  }
  if (type === 'f16')
    return greatest >= 0x7c00 ? (greatest === 0x7c00 ? Number.POSITIVE_INFINITY : Number.NaN) : null
  const view = new DataView(new ArrayBuffer(4))
  view.setUint32(0, greatest << 16)
  const value = view.getFloat32(0)
  return Number.isFinite(value) && value <= most ? null : value
}
