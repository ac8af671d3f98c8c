import { ModelFileError } from '../../errors.js'
import type { FileCursor } from './file-cursor.js'

export type GgufScalarType =
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'float32'
  | 'bool'
  | 'string'
  | 'uint64'
  | 'int64'
  | 'float64'

export type GgufScalar = number | bigint | boolean | string

/** A metadata value. 64-bit integers are bigints. */
export type GgufValue = { readonly type: GgufScalarType; readonly value: GgufScalar } | GgufArray

/** A metadata array. Only small ones carry their `values`; {@link readGgufArray} reads the others. */
export interface GgufArray {
  readonly type: 'array'
  readonly of: GgufScalarType
  readonly count: number
  /** Where the first element starts in the file, and the bytes of all elements. */
  readonly offset: number
  readonly bytes: number
  readonly values: readonly GgufScalar[] | null
}

export interface GgufTensor {
  readonly name: string
  /** ggml's name of the type, such as `q8_0`. */
  readonly type: string
  /** ggml's order: the row length first. */
  readonly shape: readonly number[]
  /** From the start of the file. */
  readonly offset: number
  readonly bytes: number
}

/** The header of a GGUF file. */
export interface GgufFile {
  readonly path: string
  /** Bytes of the whole file. */
  readonly size: number
  readonly version: number
  readonly alignment: number
  readonly metadata: ReadonlyMap<string, GgufValue>
  /** Where each key and its value lie in the file. */
  readonly entries: ReadonlyMap<string, { readonly offset: number; readonly bytes: number }>
  readonly tensors: readonly GgufTensor[]
  /** Where the tensors' data start. */
  readonly dataOffset: number
}

/** Bounds on what a header may ask for. Each is far above any Qwen3Guard file. */
export const GGUF_LIMITS = {
  /** llama.cpp compares every key with every other one: more would keep it busy for minutes. Qwen3Guard has about 40. */
  keys: 4096,
  /** Compared pairwise too. 512 layers, llama.cpp's most, with 11 tensors each make 5,632. */
  tensors: 8192,
  /** Bytes of metadata and tensor table. Qwen3's vocabulary takes 6 MB; llama.cpp holds about five times as much in memory. */
  headerBytes: 64 << 20,
  /** Bytes of one string. The longest known is a tokenizer.json of 11 MB kept whole. */
  stringBytes: 32 << 20,
  keyBytes: 1024,
  /** `GGML_MAX_NAME`, including its final zero byte. */
  nameBytes: 63,
  dimensions: 4,
  /** llama.cpp maps tensors into memory where they lie and asserts 32-byte alignment. */
  alignment: { least: 32, most: 1 << 16 },
  /** Arrays of at most so many elements, and bytes, are kept in memory. */
  smallArray: { count: 64, bytes: 16 << 10 },
} as const

/** Types of metadata values by the number a file stores. */
export const SCALAR_TYPES: readonly (GgufScalarType | 'array')[] = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float32',
  'bool',
  'string',
  'array',
  'uint64',
  'int64',
  'float64',
]
/** Bytes of one value; for a string the least it can take. */
export const SCALAR_BYTES: Record<GgufScalarType, number> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  string: 8,
  uint64: 8,
  int64: 8,
  float64: 8,
}
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Takes a string of `bytes` bytes that are already available; null if they are not UTF-8. */
export function text(cursor: FileCursor, bytes: number): string | null {
  const decoded = cursor.text(bytes)
  if (!decoded.includes('\ufffd')) return decoded
  // U+FFFD came from the file itself, or stands for bytes that are not UTF-8.
  try {
    return utf8.decode(cursor.taken(bytes))
  } catch {
    return null
  }
}

/** A ModelFileError about a GGUF file: where in the file, what is wrong, what to do. */
export function brokenGguf(path: string, where: string, what: string, todo = DOWNLOAD_AGAIN): ModelFileError {
  return new ModelFileError(`${path} is not a sound GGUF file: ${where}: ${what}. ${todo}`)
}
const DOWNLOAD_AGAIN = 'Download the file again, or convert the checkpoint again'

/** Takes one number or boolean that is already available. */
export function scalar(cursor: FileCursor, type: Exclude<GgufScalarType, 'string'>): GgufScalar {
  switch (type) {
    case 'uint8':
      return cursor.uint8()
    case 'int8':
      return cursor.int8()
    case 'uint16':
      return cursor.uint16()
    case 'int16':
      return cursor.int16()
    case 'uint32':
      return cursor.uint32()
    case 'int32':
      return cursor.int32()
    case 'float32':
      return cursor.float32()
    case 'bool':
      return cursor.uint8() !== 0
    case 'uint64':
      return cursor.uint64()
    case 'int64':
      return cursor.int64()
    case 'float64':
      return cursor.float64()
  }
}
