import { readFileSync } from 'node:fs'
import path from 'node:path'
import { BUNDLE_MENDING, packageRoot } from '../binding/package-root.js'
import { ModelFileError } from '../errors.js'
import { isCommit, isCount, isObject, isSha256 } from './json.js'

/** An official checkpoint, as models/catalog.json describes it. */
export interface CatalogEntry {
  /** What `pull` and `model` call it. */
  readonly name: string
  readonly variant: 'gen' | 'stream'
  /** Owner and name on the hub. */
  readonly repository: string
  /** Commit; null where unknown: then the one that is first pulled is recorded. */
  readonly revision: string | null
  readonly license: string
  readonly parameters: number
  /** Size of all files. */
  readonly downloadBytes: number
  /** Whether `parameters` and `downloadBytes` are computed from the shape rather than known. */
  readonly approximate: boolean
  /** What a conversion needs. `model*.safetensors`: one file, or shards and their index. */
  readonly files: readonly { path: string; bytes: number | null; sha256: string | null }[]
  /** What a guard takes with default options, by type of the weights, in MiB. */
  readonly memoryMiB: Readonly<Record<string, number>>
}

/** A catalog name, and the type that may follow it: `qwen3guard-gen-0.6b` or `qwen3guard-gen-0.6b-f16`. */
const NAME = /^(qwen3guard-(?:gen|stream)-(?:0\.6|4|8)b)(?:-([a-z0-9_]+))?$/

const REPOSITORY = /^(?:https:\/\/huggingface\.co\/|hf:)?Qwen\/(?=Qwen3Guard-[^/]+$)/i

let entries: readonly CatalogEntry[] | undefined

/** The six official checkpoints. */
export function catalog(): readonly CatalogEntry[] {
  if (!entries) {
    const file = path.join(packageRoot().folder, 'models', 'catalog.json')
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch (cause) {
      throw new ModelFileError(
        `the catalog of models is not at ${file}. ${BUNDLE_MENDING}`,
        { cause },
        'ERR_MODEL_NOT_FOUND',
      )
    }
    entries = readCatalog(text, file)
  }
  return entries
}

/** The entries of a catalog's text. @throws ModelFileError for a text that is none: it comes with this package, and may be damaged */
export function readCatalog(text: string, file: string): readonly CatalogEntry[] {
  let found: unknown
  try {
    const value: unknown = JSON.parse(text)
    found = isObject(value) ? value.models : undefined
  } catch (cause) {
    throw damaged(file, (cause as Error).message, cause)
  }
  if (!Array.isArray(found)) throw damaged(file, 'it has no list of models')
  const wrong = found.findIndex((entry) => !isEntry(entry))
  if (wrong >= 0) throw damaged(file, `model ${wrong} is none`)
  return found as CatalogEntry[]
}

function damaged(file: string, what: string, cause?: unknown): ModelFileError {
  const message = `the catalog of models at ${file} is damaged (${what}): install the package again`
  return new ModelFileError(message, cause === undefined ? undefined : { cause })
}

function isEntry(value: unknown): value is CatalogEntry {
  if (!isObject(value)) return false
  const { name, variant, repository, revision, license, parameters, downloadBytes, approximate } = value
  return (
    typeof name === 'string' &&
    NAME.test(name) &&
    (variant === 'gen' || variant === 'stream') &&
    typeof repository === 'string' &&
    /^[\w.-]+\/[\w.-]+$/.test(repository) &&
    (revision === null || isCommit(revision)) &&
    typeof license === 'string' &&
    isCount(parameters) &&
    isCount(downloadBytes) &&
    typeof approximate === 'boolean' &&
    Array.isArray(value.files) &&
    value.files.every(isFile) &&
    isObject(value.memoryMiB) &&
    Object.values(value.memoryMiB).every(isCount)
  )
}

function isFile(value: unknown): boolean {
  if (!isObject(value) || typeof value.path !== 'string') return false
  const { bytes, sha256 } = value
  return (bytes === null || isCount(bytes)) && (sha256 === null || isSha256(sha256))
}

/**
 * The catalog's entry of that name, and the type the name asks for (null: none); null for a name that is none. The
 * repository's name on the hub, and the address of its page, are the same model's.
 */
export function catalogName(name: string): { entry: CatalogEntry; type: string | null } | null {
  const short = name.replace(REPOSITORY, '').toLowerCase()
  const [, base, type = null] = NAME.exec(short) ?? []
  const entry = base === undefined ? undefined : catalog().find((one) => one.name === base)
  return entry ? { entry, type } : null
}

/** How to get a checkpoint's GGUF without `pull`, in lines. */
export function byHand({ name, repository, revision, files }: CatalogEntry, type: string): string {
  return [
    `By hand: download ${files.map(({ path }) => path).join(', ')} from`,
    `  https://huggingface.co/${repository}/tree/${revision ?? 'main'}`,
    'into a folder DIR (on any machine), then run',
    `  npx qwen3guard convert DIR ${name}-${type}.gguf --type ${type}`,
    `and give the path of ${name}-${type}.gguf as \`model\`.`,
  ].join('\n')
}
