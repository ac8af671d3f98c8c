import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ModelFileError } from '../../errors.js'
import type { GgufFile, GgufValue } from './reader.js'
import { readGguf } from './reader.js'

/** Keys that llama-gguf-split writes, with the type llama.cpp reads them as. Its merge leaves them, with a count of 0. */
export const SPLIT_KEYS: Readonly<Record<string, 'uint16' | 'int32'>> = {
  'split.no': 'uint16',
  'split.count': 'uint16',
  'split.tensors.count': 'int32',
}

/** Parts of a model at most. */
const MOST_PARTS = 256

/** llama.cpp finds the parts by name. */
const PART_NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/

/** Of how many parts this file is one; 0 or 1 for a whole model. */
export function partsOf(file: GgufFile): number {
  return numberAt(file, 'split.count') ?? 0
}

/**
 * Reads the header of a model: of one that was split into parts, all parts', as one file. `path` is then the first
 * part's, from which llama.cpp loads the others.
 *
 * @throws ModelFileError as `readGguf`; also naming the part that is missing or not of this model
 */
export async function readModelHeader(
  path: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<GgufFile> {
  const identity = await identityOf(path)
  if (identity !== null && latest?.identity === identity) return latest.header
  const header = await readGguf(path, options)
  if (partsOf(header) > 1) return await withOtherParts(header, options)
  // Of a file that was replaced meanwhile it may be either's.
  if (identity !== null && (await identityOf(path)) === identity) latest = { identity, header }
  return header
}

/** The header that was read last: whoever asks for a model's variant goes on to load it. */
let latest: { identity: string; header: GgufFile } | null = null

/** Null for what is not there. */
async function identityOf(path: string): Promise<string | null> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return JSON.stringify([path, ino, size, mtimeNs, ctimeNs].map(String))
  } catch {
    return null
  }
}

async function withOtherParts(
  file: GgufFile,
  options: { signal?: AbortSignal | undefined },
): Promise<GgufFile> {
  const { path } = file
  const count = partsOf(file)
  const refuse = (what: string): never => {
    throw new ModelFileError(`${path} is one part of a model that was split into ${count}: ${what}`)
  }
  if (count > MOST_PARTS) refuse(`expected at most ${MOST_PARTS} parts`)
  const [, stem, , total] = PART_NAME.exec(basename(path)) ?? []
  if (stem === undefined || Number(total) !== count) {
    refuse(
      `its name must end with ${partName('', 0, count)}, and likewise those of the others beside it, or llama.cpp does not find them`,
    )
  }
  const paths = Array.from({ length: count }, (_, part) =>
    join(dirname(path), partName(`${stem}`, part, count)),
  )
  const parts: GgufFile[] = []
  for (const [number, at] of paths.entries()) {
    const part = at === path ? file : await readPart(at, options, refuse)
    if (partsOf(part) !== count || numberAt(part, 'split.no') !== number) {
      refuse(`${basename(at)} does not say that it is part ${number + 1} of ${count}`)
    }
    parts.push(part)
  }
  return joined(parts, refuse)
}

async function readPart(
  path: string,
  options: { signal?: AbortSignal | undefined },
  refuse: (what: string) => never,
): Promise<GgufFile> {
  try {
    return await readGguf(path, options)
  } catch (error) {
    if (!(error instanceof ModelFileError) || error.code !== 'ERR_MODEL_NOT_FOUND') throw error
    return refuse(`${basename(path)} is missing beside it. Download all parts`)
  }
}

function joined(parts: readonly GgufFile[], refuse: (what: string) => never): GgufFile {
  const [first] = parts as [GgufFile]
  const tensors = parts.flatMap((part) => part.tensors)
  const names = new Set(tensors.map(({ name }) => name))
  if (names.size < tensors.length) refuse('a tensor is in two of them. Download all parts again')
  const stated = numberAt(first, 'split.tensors.count')
  if (stated !== null && stated !== tensors.length) {
    refuse(`they hold ${tensors.length} tensors together, expected ${stated}. Download all parts again`)
  }
  // As one file it is whole.
  const metadata = new Map<string, GgufValue>(first.metadata)
  for (const key of Object.keys(SPLIT_KEYS)) metadata.delete(key)
  return { ...first, metadata, tensors, size: parts.reduce((sum, part) => sum + part.size, 0) }
}

function partName(stem: string, part: number, count: number): string {
  const number = (value: number) => String(value).padStart(5, '0')
  return `${stem}-${number(part + 1)}-of-${number(count)}.gguf`
}

function numberAt(file: GgufFile, key: string): number | null {
  const value = file.metadata.get(key)
  return value && value.type === SPLIT_KEYS[key] ? Number(value.value) : null
}
