import { realpath } from 'node:fs/promises'
import { ModelFileError } from '../errors.js'
import { removeFile } from '../held-files.js'
import { catalogName } from './catalog.js'
import { type InstalledModel, installedModels, recordPath } from './installed.js'
import { nearestModel } from './nearest-model.js'

/**
 * Forgets a model that was pulled, and deletes its GGUF. A process that has it loaded goes on (but on Windows, which then refuses to delete the file); the checkpoint that it was
 * converted from stays in the download cache.
 *
 * @param name as `pull` or `models` calls it; without a type, the one type that is there
 * @throws TypeError for a demonstration model; ModelFileError ERR_MODEL_NOT_FOUND for what is not there, or there in
 *   several types
 */
export async function removeModel(name: string): Promise<InstalledModel> {
  if (/^demo(-gen|-stream)?$/.test(name)) {
    throw new TypeError(`Expected a model that was pulled, got '${name}', which is part of this package`)
  }
  const model = find(name)
  // The record first: what has none is no model, whatever becomes of the file.
  await removeFile(recordPath(model.name))
  // In the download cache it is a link to where the bytes are.
  const file = await realpath(model.path).catch(() => model.path)
  for (const place of new Set([model.path, file])) await removeFile(place)
  return model
}

function find(name: string): InstalledModel {
  const models = installedModels()
  const exact = models.find((model) => model.name === name)
  if (exact) return exact
  const known = catalogName(name)
  const candidates = models.filter((model) => {
    const own = catalogName(model.name)
    return known !== null && own?.entry === known.entry && (known.type === null || known.type === own.type)
  })
  if (candidates.length === 1) return candidates[0] as InstalledModel
  const message =
    candidates.length > 1
      ? `${name} is here in several types: name one of ${candidates.map((model) => model.name).join(', ')}`
      : [`${name} was not pulled, or is gone already`, nearestPulled(name, models)].filter(Boolean).join('. ')
  throw new ModelFileError(message, undefined, 'ERR_MODEL_NOT_FOUND')
}

function nearestPulled(name: string, models: readonly InstalledModel[]): string {
  if (models.length === 0) return 'No model is here but the demonstration models'
  const nearest = nearestModel(name, 'gen')
  if (nearest?.includes('which is here')) return nearest
  return `Here are ${models.map((model) => model.name).join(', ')}`
}
