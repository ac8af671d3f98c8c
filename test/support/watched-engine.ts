import type { NativeEngine } from '../../lib/binding/binding.js'
import { type Placement, place } from '../../lib/binding/device/place.js'
import type { Gpu } from '../../lib/types.js'

/**
 * A placement whose engines are made by `make` of the native ones, and the native ones themselves: what a test does to them
 * the JS side does not know.
 */
export async function watchedPlacement(
  gpu: Gpu,
  make: (native: NativeEngine) => NativeEngine = (native) => native,
): Promise<{ placement: Placement; natives: NativeEngine[] }> {
  const placement = await place({ gpu })
  const { binding } = placement
  const natives: NativeEngine[] = []
  const createEngine: typeof binding.createEngine = async (...args) => {
    const native = await binding.createEngine(...args)
    natives.push(native)
    return make(native)
  }
  return { placement: { ...placement, binding: { ...binding, createEngine } }, natives }
}

/** Where engines keep nothing of a sequence that was to be kept, as if there had been no memory for it; JS is told nothing. */
export async function forgetfulPlacement(gpu: Gpu): Promise<Placement> {
  const { placement } = await watchedPlacement(gpu, (native) => ({
    submit: (requests) => native.submit(requests),
    cancel: (id) => native.cancel(id),
    release: (sequence) => native.release(sequence),
    keep: (sequence) => native.release(sequence),
    stats: () => native.stats(),
    close: () => native.close(),
  }))
  return placement
}
