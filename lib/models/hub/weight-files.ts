import { ModelFileError } from '../../errors.js'
import { MOST_JSON_BYTES, readJson } from '../checkpoint/json-file.js'
import { objectAt } from '../json.js'
import type { HubFile } from './hub.js'

const INDEX = 'model.safetensors.index.json'
const SINGLE = 'model.safetensors'

/** Names under which weights are looked for; an index names others. */
export const WEIGHT_FILES = [INDEX, SINGLE]

/**
 * The files that hold a repository's weights: one, or the index and the shards it names.
 *
 * @param fetch brings a file here; called for the index only
 * @throws ModelFileError ERR_CHECKPOINT_INVALID before a shard is downloaded if one is missing
 */
export async function weightFiles(
  repository: string,
  listing: ReadonlyMap<string, HubFile>,
  fetch: (file: HubFile) => Promise<string>,
): Promise<HubFile[]> {
  const index = listing.get(INDEX)
  const single = listing.get(SINGLE)
  if (!index) {
    if (single) return [single]
    throw broken(`${repository} has no ${SINGLE} and no ${INDEX}`)
  }
  if (index.bytes > MOST_JSON_BYTES) {
    throw broken(
      `the ${INDEX} of ${repository} has ${index.bytes} bytes, expected at most ${MOST_JSON_BYTES}`,
    )
  }
  const map = objectAt(await readJson(await fetch(index)), 'weight_map')
  const names = [...new Set(Object.values(map ?? {}))]
  const shards = names.map((name) => (typeof name === 'string' ? listing.get(name) : undefined))
  const missing = names.filter((_, i) => !shards[i])
  if (names.length === 0 || missing.length > 0) {
    const lacks =
      missing.length === 0 ? 'names no shards' : `names shards that are not there: ${missing.join(', ')}`
    throw broken(`the ${INDEX} of ${repository} ${lacks}`)
  }
  return [index, ...shards.filter((shard) => shard !== undefined)]
}

function broken(what: string): ModelFileError {
  return new ModelFileError(
    `${what}: it is no whole checkpoint; try again later`,
    undefined,
    'ERR_CHECKPOINT_INVALID',
  )
}
