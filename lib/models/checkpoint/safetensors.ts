import type { FileHandle } from 'node:fs/promises'
import { open, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ModelFileError } from '../../errors.js'
import { isObject, objectAt } from '../json.js'
import { brokenCheckpoint, readJson } from './json-file.js'

/** Types of weights that checkpoints of Qwen3Guard come in, in ggml's spelling. */
export type CheckpointType = 'f32' | 'f16' | 'bf16'

/** One tensor of a checkpoint: where its bytes lie. */
export interface CheckpointTensor {
  readonly name: string
  readonly type: CheckpointType
  /** As written in the checkpoint: the row length last. */
  readonly shape: readonly number[]
  readonly path: string
  /** From the start of the file. */
  readonly offset: number
  readonly bytes: number
}

/** The safetensors library's own limit on a header. */
const MOST_HEADER_BYTES = 100_000_000
const MOST_DIMENSIONS = 8
const TYPES: Readonly<Record<string, { type: CheckpointType; bytes: number }>> = {
  F32: { type: 'f32', bytes: 4 },
  F16: { type: 'f16', bytes: 2 },
  BF16: { type: 'bf16', bytes: 2 },
}
/** Sizes of the types a safetensors file may hold besides, so that a foreign tensor can be named rather than mistaken. */
const OTHER_TYPES: Readonly<Record<string, number>> = {
  F64: 8,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
}

/**
 * The tensors of a checkpoint directory: one `model.safetensors`, or the shards that
 * `model.safetensors.index.json` names. Reads headers only.
 *
 * Format: https://github.com/huggingface/safetensors#format
 *
 * @throws ModelFileError ERR_CHECKPOINT_INVALID naming the file and the tensor
 */
export async function readCheckpoint(directory: string): Promise<Map<string, CheckpointTensor>> {
  let names: string[]
  try {
    names = await readdir(directory)
  } catch (cause) {
    throw noDirectory(directory, cause)
  }
  if (names.includes('model.safetensors.index.json')) return readShards(directory, names)
  if (names.includes('model.safetensors')) return readSafetensors(join(directory, 'model.safetensors'))
  const others = names.filter((name) => /\.(safetensors|bin|pt|gguf)$/.test(name))
  throw brokenCheckpoint(
    `${directory} has no model.safetensors and no model.safetensors.index.json${others.length > 0 ? ` (but ${others.slice(0, 4).join(', ')})` : ''}: download the whole checkpoint, in safetensors`,
  )
}

function noDirectory(directory: string, cause: unknown): ModelFileError {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === 'ENOENT') {
    const message = `there is no directory ${directory}: give the directory of a Hugging Face checkpoint`
    return new ModelFileError(message, { cause }, 'ERR_MODEL_NOT_FOUND')
  }
  return brokenCheckpoint(
    `${directory} cannot be read as a directory (${code}): give the directory of a Hugging Face checkpoint`,
    cause,
  )
}

async function readShards(
  directory: string,
  names: readonly string[],
): Promise<Map<string, CheckpointTensor>> {
  const index = join(directory, 'model.safetensors.index.json')
  const map = objectAt(await readJson(index), 'weight_map')
  if (!map) throw brokenCheckpoint(`${index} has no "weight_map" object: download it again`)
  const shards = new Map<string, string[]>()
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || shard !== basename(shard) || !shard.endsWith('.safetensors')) {
      throw brokenCheckpoint(
        `${index} says ${tensor} is in ${JSON.stringify(shard)}, expected the name of a .safetensors file beside it`,
      )
    }
    const tensors = shards.get(shard) ?? []
    tensors.push(tensor)
    shards.set(shard, tensors)
  }
  const missing = [...shards.keys()].filter((shard) => !names.includes(shard))
  if (missing.length > 0) {
    throw brokenCheckpoint(
      `${directory} lacks ${missing.length} of ${shards.size} shards that its index names: ${missing.slice(0, 10).join(', ')}. Download the whole checkpoint`,
    )
  }
  const all = new Map<string, CheckpointTensor>()
  for (const [shard, promised] of shards) {
    const tensors = await readSafetensors(join(directory, shard))
    for (const name of promised) {
      if (!tensors.has(name))
        throw brokenCheckpoint(
          `${index} says ${name} is in ${shard}, but it is not there: download both again`,
        )
    }
    for (const [name, tensor] of tensors) {
      if (map[name] !== shard)
        throw brokenCheckpoint(
          `${join(directory, shard)} has a tensor ${name} that the index ${name in map ? `places in ${String(map[name])}` : 'does not name'}: download both again`,
        )
      all.set(name, tensor)
    }
  }
  return all
}

/** The tensors of one safetensors file. */
export async function readSafetensors(path: string): Promise<Map<string, CheckpointTensor>> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const refuse = (what: string): never => {
      throw brokenCheckpoint(`${path} is not a sound safetensors file: ${what}. Download it again`)
    }
    if (size < 8) refuse(`it has ${size} bytes, expected at least 8`)
    const start = await bytesAt(handle, path, 0, Math.min(size, 128))
    if (start.toString('latin1').startsWith('version https://git-lfs')) {
      refuse('it is a Git LFS pointer; run `git lfs pull`')
    }
    const length = Number(start.readBigUInt64LE(0))
    if (length > MOST_HEADER_BYTES || length + 8 > size) {
      refuse(
        `its header would have ${length} bytes; the file has ${size}, and a header at most ${MOST_HEADER_BYTES}`,
      )
    }
    let header: unknown
    try {
      header = JSON.parse(
        new TextDecoder('utf-8', { fatal: true }).decode(await bytesAt(handle, path, 8, length)),
      )
    } catch (error) {
      if (error instanceof ModelFileError) throw error
      refuse(`its header is not JSON (${(error as Error).message})`)
    }
    if (!isObject(header)) return refuse('its header is not a JSON object')
    const tensors: CheckpointTensor[] = []
    for (const [name, entry] of Object.entries(header)) {
      if (name !== '__metadata__') tensors.push(readEntry(path, name, entry, 8 + length, size, refuse))
    }
    checkOverlap(tensors, refuse)
    return new Map(tensors.map((tensor) => [tensor.name, tensor]))
  } finally {
    await handle.close()
  }
}

function readEntry(
  path: string,
  name: string,
  entry: unknown,
  dataStart: number,
  size: number,
  refuse: (what: string) => never,
): CheckpointTensor {
  if (!isObject(entry)) return refuse(`tensor ${name} is not described by an object`)
  const { dtype, shape, data_offsets: offsets } = entry
  const known = typeof dtype === 'string' ? TYPES[dtype] : undefined
  if (!known) {
    const foreign = typeof dtype === 'string' && dtype in OTHER_TYPES
    throw brokenCheckpoint(
      `${path}: tensor ${name} has type ${JSON.stringify(dtype)}, expected F32, F16 or BF16${foreign ? ': convert the checkpoint as it was published, not a quantized one' : ''}`,
    )
  }
  if (
    !Array.isArray(shape) ||
    shape.length > MOST_DIMENSIONS ||
    !shape.every((n) => Number.isSafeInteger(n) && n > 0)
  ) {
    return refuse(`tensor ${name} has shape ${JSON.stringify(shape)}, expected positive whole numbers`)
  }
  const lengths = shape as number[]
  const [from, to] = Array.isArray(offsets) ? (offsets as unknown[]) : []
  if (
    typeof from !== 'number' ||
    typeof to !== 'number' ||
    !Number.isSafeInteger(from) ||
    !Number.isSafeInteger(to) ||
    from < 0 ||
    to < from
  ) {
    return refuse(
      `tensor ${name} has data_offsets ${JSON.stringify(offsets)}, expected two ascending whole numbers`,
    )
  }
  if (dataStart + to > size) {
    refuse(
      `tensor ${name} ends at byte ${dataStart + to}, the file has ${size}: the download or copy did not finish`,
    )
  }
  const expected = lengths.reduce((product, n) => product * n, known.bytes)
  if (to - from !== expected) {
    refuse(
      `tensor ${name} of shape [${lengths.join(', ')}] and type ${String(dtype)} has ${to - from} bytes, expected ${expected}`,
    )
  }
  return { name, type: known.type, shape: lengths, path, offset: dataStart + from, bytes: to - from }
}

function checkOverlap(tensors: readonly CheckpointTensor[], refuse: (what: string) => never): void {
  const sorted = [...tensors].sort((a, b) => a.offset - b.offset)
  for (const [i, tensor] of sorted.entries()) {
    const before = sorted[i - 1]
    if (before && before.offset + before.bytes > tensor.offset)
      refuse(`tensors ${before.name} and ${tensor.name} overlap`)
  }
}

async function bytesAt(handle: FileHandle, path: string, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled)
    if (bytesRead === 0)
      throw brokenCheckpoint(`${path} ended at byte ${offset + filled} while it was read: download it again`)
    filled += bytesRead
  }
  return buffer
}
