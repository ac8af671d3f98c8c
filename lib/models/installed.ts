import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { modelsDirectory } from '../directories.js'
import { ModelFileError } from '../errors.js'
import { atomicFile } from './atomic-file.js'
import { catalogName } from './catalog.js'
import { isCommit, isCount, isObject, isSha256 } from './json.js'

/** A model that `pull` registered. */
export interface InstalledModel {
  /** What `model` takes: a catalog name with its type (`qwen3guard-gen-0.6b-q8_0`), or `hf:owner/repo/file.gguf`. */
  name: string
  /** Which guard loads it. */
  variant: 'gen' | 'stream'
  /** Type of the weights, such as `q8_0`. */
  type: string
  /** As the catalog or the file names it, such as `apache-2.0`; null where the file names none. */
  license: string | null
  /** Number of weights. */
  parameters: number
  /** Absolute path of the GGUF. */
  path: string
  /** Size of the GGUF. */
  bytes: number
  /** Of the GGUF, in hexadecimal. */
  sha256: string
  /** `owner/name` on the hub. */
  repository: string
  /** Its commit, 40 hexadecimal digits. */
  revision: string
  /** The files it was made from; later pulls compare with these hashes. */
  files: Record<
    string,
    {
      /** Size of the file. */
      bytes: number
      /** In hexadecimal. */
      sha256: string
    }
  >
}

export const HUB_PREFIX = 'hf:'
export const DEFAULT_TYPE = 'q8_0'

/** A record may outlive its file: its hashes still count. */
export const GONE = 'the file is gone'

/** Name of a model's files in the models directory, without an extension. */
export function fileStem(name: string): string {
  return name.replaceAll('/', '--').replace(':', '--')
}

export function recordPath(name: string): string {
  return path.join(modelsDirectory(), `${fileStem(name)}.json`)
}

/** Every record, by name, those whose GGUF is gone included; what is no record of this package is passed over. */
export function installedModels(): InstalledModel[] {
  let names: string[]
  try {
    names = readdirSync(modelsDirectory())
  } catch {
    return []
  }
  const models = names.filter((name) => name.endsWith('.json')).map((name) => readRecord(name))
  return models.filter((model) => model !== null).sort((a, b) => a.name.localeCompare(b.name, 'en'))
}

function readRecord(file: string): InstalledModel | null {
  const directory = modelsDirectory()
  try {
    const record: unknown = JSON.parse(readFileSync(path.join(directory, file), 'utf8'))
    if (!isObject(record) || record.schema !== 1 || !isModel(record)) return null
    const model = record
    // A record says where it lies relative to itself, so that the directory may be moved.
    return { ...model, path: path.resolve(directory, model.path) }
  } catch {
    return null
  }
}

function isModel(record: Record<string, unknown>): record is Record<string, unknown> & InstalledModel {
  const { variant, license, files } = record
  return (
    ['name', 'type', 'path', 'repository'].every((key) => typeof record[key] === 'string') &&
    (variant === 'gen' || variant === 'stream') &&
    (license === null || license === undefined || typeof license === 'string') &&
    isCount(record.parameters) &&
    isCount(record.bytes) &&
    isSha256(record.sha256) &&
    isCommit(record.revision) &&
    isObject(files) &&
    Object.values(files).every((file) => isObject(file) && isCount(file.bytes) && isSha256(file.sha256))
  )
}

/** Why a registered model cannot be used, or null. Looks at the size only; `pull` compares the hash. */
export function installedProblem(model: InstalledModel): string | null {
  let bytes: number
  try {
    bytes = statSync(model.path).size
  } catch {
    return GONE
  }
  return bytes === model.bytes ? null : `the file has ${bytes} bytes, expected ${model.bytes}`
}

/** Makes a complete model known, at once or not at all. */
export async function registerModel(model: InstalledModel): Promise<void> {
  const directory = modelsDirectory()
  mkdirSync(directory, { recursive: true })
  const inside = path.dirname(model.path) === directory ? path.basename(model.path) : model.path
  const record = { schema: 1, ...model, path: inside }
  await atomicFile(recordPath(model.name), (handle) =>
    handle.writeFile(`${JSON.stringify(record, null, 2)}\n`),
  )
}

/**
 * The GGUF that a catalog name or `hf:` name stands for. A catalog name without a type means q8_0, or
 * the one type that is there. Nothing is downloaded.
 *
 * @returns null for any other name
 * @throws ModelFileError ERR_MODEL_NOT_FOUND naming the command that fetches it; ERR_MODEL_HASH if the file changed
 */
export function findInstalled(name: string): string | null {
  const known = catalogName(name)
  if (!known && !name.startsWith(HUB_PREFIX)) return null
  const there = installedModels().filter((model) => installedProblem(model) !== GONE)
  const ofEntry = there.filter(
    (model) => known?.type === null && catalogName(model.name)?.entry === known.entry,
  )
  const model =
    there.find((one) => one.name === name) ??
    ofEntry.find((one) => one.type === DEFAULT_TYPE) ??
    (ofEntry.length === 1 ? ofEntry[0] : undefined)
  if (!model) {
    if (ofEntry.length === 0) throw notInstalled(name, known)
    const names = ofEntry.map((one) => one.name).join(', ')
    throw new ModelFileError(
      `${name} is here in several types: name one of ${names}`,
      undefined,
      'ERR_MODEL_NOT_FOUND',
    )
  }
  const problem = installedProblem(model)
  if (problem) {
    throw new ModelFileError(
      `${model.path} changed since ${model.name} was pulled: ${problem}. Delete it and pull the model again`,
      undefined,
      'ERR_MODEL_HASH',
    )
  }
  return model.path
}

function notInstalled(name: string, known: ReturnType<typeof catalogName>): ModelFileError {
  const flag = known?.type && known.type !== DEFAULT_TYPE ? ` --type ${known.type}` : ''
  return new ModelFileError(
    `${name} is not on this machine, and loading downloads nothing: run \`npx qwen3guard pull ${known?.entry.name ?? name}${flag}\`, ` +
      'or convert a checkpoint by hand and give the path of its .gguf file (docs/models.md)',
    undefined,
    'ERR_MODEL_NOT_FOUND',
  )
}
