import { installedModels } from './installed.js'
import { resolveModel } from './resolve.js'

/** Of the demonstration models (models/README.md). */
const DEMONSTRATION = 'apache-2.0'

/**
 * The licence of the model at `path`: what was recorded when it was pulled, what its file states, or what is known of this
 * package's own. null: nobody said.
 */
export function licenceOf(path: string, stated: string | null): string | null {
  const pulled = installedModels().find((model) => model.path === path)
  if (pulled?.license) return pulled.license
  if (stated !== null) return stated
  const own = (['demo-gen', 'demo-stream'] as const).some((name) => resolveModel(name, 'gen') === path)
  return own ? DEMONSTRATION : null
}
