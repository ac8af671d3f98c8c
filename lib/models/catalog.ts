import { readFileSync } from 'node:fs'
import path from 'node:path'
import { BUNDLE_MENDING, packageRoot } from '../binding/package-root.js'
import { ModelFileError } from '../errors.js'

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
    entries = (JSON.parse(text) as { models: CatalogEntry[] }).models
  }
  return entries
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
