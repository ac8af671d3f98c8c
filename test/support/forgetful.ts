import type { NativeEngine } from '../../lib/binding/binding.js'
import { type Placement, place } from '../../lib/binding/device/place.js'
import type { Gpu } from '../../lib/types.js'

/**
 * Where engines keep nothing of a sequence that was to be kept, as if there had been no memory for it: the sequence is
 * emptied, and JS is told nothing.
 */
export async function forgetfulPlacement(gpu: Gpu): Promise<Placement> {
  const placement = await place({ gpu })
  const { binding } = placement
  const createEngine: typeof binding.createEngine = async (...args) => {
    const native = await binding.createEngine(...args)
    const forgetful: NativeEngine = {
      submit: (requests) => native.submit(requests),
      cancel: (id) => native.cancel(id),
      release: (sequence) => native.release(sequence),
      keep: (sequence) => native.release(sequence),
      forget: (sequence, key) => native.forget(sequence, key),
      stats: () => native.stats(),
      close: () => native.close(),
    }
    return forgetful
  }
  return { ...placement, binding: { ...binding, createEngine } }
}
