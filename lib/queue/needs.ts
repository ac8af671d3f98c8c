import { modelHashes, packageVersion } from '../batch/run-identity.js'
import type { LoadOptions } from '../index.js'
import { resolveModel, type Variant } from '../models/resolve.js'
import type { Needs } from './chunk.js'

/** Options of a guard that a verdict may depend on. */
export type NeededOptions = Pick<
  LoadOptions,
  'model' | 'contextSize' | 'kvType' | 'flashAttention' | 'deterministic' | 'chatTemplate'
>

/** What judges as a guard does that is loaded with these options. @throws ModelFileError */
export async function needsOf(
  kind: Variant,
  { model, contextSize, kvType, flashAttention, deterministic, chatTemplate }: NeededOptions,
  signal?: AbortSignal,
): Promise<Needs> {
  return {
    version: packageVersion(),
    kind,
    model: await modelHashes(resolveModel(model, kind), signal),
    ...(contextSize !== undefined && { contextSize }),
    ...(kvType !== undefined && { kvType }),
    ...(flashAttention !== undefined && { flashAttention }),
    // False is what leaving it out is.
    ...(deterministic && { deterministic }),
    ...(chatTemplate !== undefined && { chatTemplate }),
  }
}

const SETTINGS = ['contextSize', 'kvType', 'flashAttention', 'deterministic', 'chatTemplate'] as const

/** Why a worker does not take a chunk, in words; null where it does. @param has what it has of that kind, if anything */
export function refusal(needs: Needs, has: Needs | undefined): string | null {
  if (has === undefined) {
    return `the batch needs a ${needs.kind === 'gen' ? 'Gen' : 'Stream'} model, and this worker has none`
  }
  if (needs.version !== has.version) {
    return `the batch is of qwen3guard ${needs.version}, and this worker is ${has.version}`
  }
  if (JSON.stringify(needs.model) !== JSON.stringify(has.model)) {
    return `the batch needs another model file: sha256 ${short(needs)}, and this worker has ${short(has)}`
  }
  const differs = SETTINGS.find((name) => needs[name] !== has[name])
  if (differs === undefined) return null
  if (differs === 'chatTemplate') return 'the batch needs another chat template than this worker has'
  return `the batch needs ${differs} ${String(needs[differs] ?? 'as it is by default')}, and this worker has ${String(has[differs] ?? 'the default')}`
}

function short({ model }: Needs): string {
  return model.map((hash) => hash.slice(0, 12)).join(', ')
}
