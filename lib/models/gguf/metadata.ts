import type { Qwen3Sizes } from './qwen3-tensors.js'
import type { GgufFile, GgufScalarType } from './reader.js'

/** Architecture name of both variants in `general.architecture`. */
export const ARCHITECTURE = 'qwen3'

/** Version of the `qwen3guard.*` keys that this package writes and reads. */
export const SCHEMA_VERSION = 1

/** Metadata keys of this package's own. docs/gguf.md describes them. */
export const KEYS = {
  variant: 'qwen3guard.variant',
  schemaVersion: 'qwen3guard.schema_version',
  headSize: 'qwen3guard.head_size',
  demonstration: 'qwen3guard.demonstration',
  labels: {
    response: { risk: 'qwen3guard.response.risk_labels', category: 'qwen3guard.response.category_labels' },
    query: { risk: 'qwen3guard.query.risk_labels', category: 'qwen3guard.query.category_labels' },
  },
} as const

/** The scalar at `key` if it is there with that type, else null. */
export function scalarAt(file: GgufFile, key: string, type: 'string'): string | null
export function scalarAt(file: GgufFile, key: string, type: 'bool'): boolean | null
export function scalarAt(file: GgufFile, key: string, type: 'uint32' | 'float32'): number | null
export function scalarAt(
  file: GgufFile,
  key: string,
  type: GgufScalarType,
): string | boolean | number | null {
  const value = file.metadata.get(key)
  if (value === undefined || value.type !== type || typeof value.value === 'bigint') return null
  return value.value
}

/** The small string array at `key`, else null. */
export function stringsAt(file: GgufFile, key: string): string[] | null {
  const value = file.metadata.get(key)
  if (value?.type !== 'array' || value.of !== 'string' || !value.values) return null
  return value.values.map(String)
}

/** Elements of the array at `key`, 0 if there is none. */
export function countAt(file: GgufFile, key: string): number {
  const value = file.metadata.get(key)
  return value?.type === 'array' ? value.count : 0
}

/** The sizes the metadata state; 0 where a key is missing, which no sound file has. */
export function statedSizes(file: GgufFile): Qwen3Sizes {
  const at = (key: string) => scalarAt(file, `${ARCHITECTURE}.${key}`, 'uint32') ?? 0
  const heads = at('attention.head_count')
  return {
    vocab: countAt(file, 'tokenizer.ggml.tokens'),
    embedding: at('embedding_length'),
    blocks: at('block_count'),
    heads,
    headsKv: scalarAt(file, `${ARCHITECTURE}.attention.head_count_kv`, 'uint32') ?? heads,
    headSize:
      scalarAt(file, `${ARCHITECTURE}.attention.key_length`, 'uint32') ??
      Math.floor(at('embedding_length') / (heads || 1)),
    feedForward: at('feed_forward_length'),
  }
}
