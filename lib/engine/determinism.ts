// Whether a verdict's numbers depend on what is judged beside the text, and how they are kept from it.
import type { Placement } from '../binding/device/place.js'
import type { ModelDescription } from '../models/gguf/describe.js'
import type { Determinism } from '../types.js'
import type { EngineOptions } from './engine-options.js'

/**
 * Whether every product and the attention are by kernels of our own, of which one column gets the same sums however many others
 * there are: Q8_0 weights and an f16 cache, on x86 with AVX2 and without AMX, which takes over from some number of columns on.
 */
export function batchesFreely(
  { matrixTypes, keyLength }: Pick<ModelDescription, 'matrixTypes' | 'keyLength'>,
  { binding, device }: Placement,
  { kvType, flashAttention }: Pick<EngineOptions, 'kvType' | 'flashAttention'>,
): boolean {
  if (device !== null || !binding.ownAttention() || binding.instructionSets().build.includes('amx_tile')) {
    return false
  }
  const ownAttention = kvType === 'f16' && flashAttention === true && keyLength % 16 === 0
  return ownAttention && matrixTypes.every((type) => type === 'q8_0') && binding.repacks('q8_0')
}

/** What an engine's numbers depend on. */
export function determinismOf(
  description: Pick<ModelDescription, 'matrixTypes' | 'keyLength'>,
  placement: Placement,
  engine: EngineOptions,
): Determinism {
  if (engine.alone !== null) return 'pinned'
  return batchesFreely(description, placement, engine) ? 'always' : 'off'
}
