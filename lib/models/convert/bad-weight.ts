/** Largest finite value of f16, and of the scales that quantized blocks store as f16. */
const F16_MOST = 65504

/**
 * What is wrong with weights that are NaN or infinite, or too large for f16 where they become f16 or blocks
 * with an f16 scale; null for sound ones. A model with such a weight gives no verdict at all.
 *
 * @param slab whole values of type `from` (f32, f16 or bf16), aligned to them
 */
export function badWeight(slab: Uint8Array, from: string, to: string): string | null {
  const most = to === 'f32' || to === 'bf16' ? Number.POSITIVE_INFINITY : F16_MOST
  const bad =
    from === 'f32'
      ? badFloat32(new Float32Array(slab.buffer, slab.byteOffset, slab.byteLength / 4), most)
      : badFloat16(new Uint16Array(slab.buffer, slab.byteOffset, slab.byteLength / 2), from, most)
  if (bad === null) return null
  if (!Number.isFinite(bad)) return `${bad}, expected a finite number: download the file again`
  return `${bad}, expected at most ${F16_MOST}, f16's largest: use --type bf16 or f32`
}

function badFloat32(values: Float32Array, most: number): number | null {
  for (const value of values) if (!(value >= -most && value <= most) || !Number.isFinite(value)) return value
  return null
}

function badFloat16(bits: Uint16Array, type: string, most: number): number | null {
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
