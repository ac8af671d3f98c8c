import type { GgmlType } from '../../binding/binding.js'
import { FILE_TYPES, typeInfo } from '../gguf/ggml-types.js'

/** ggml's type of most matrices in a file of each type. `_m` files give some tensors more bits. */
const BASES = {
  f32: 'f32',
  f16: 'f16',
  bf16: 'bf16',
  q8_0: 'q8_0',
  q6_k: 'q6_K',
  q5_k_m: 'q5_K',
  q4_k_m: 'q4_K',
  q4_0: 'q4_0',
  iq4_nl: 'iq4_nl',
} as const satisfies Record<string, GgmlType>

/** Types that models are converted and quantized to, as users name them. */
export type ConvertType = keyof typeof BASES

/** Every {@link ConvertType}, from the largest to the smallest. */
export const CONVERT_TYPES = Object.keys(BASES) as readonly ConvertType[]

const FLOATS: readonly GgmlType[] = ['f32', 'f16', 'bf16']

/** Types of 32 values a block that stand in where a row is no multiple of 256. */
const SMALL_BLOCKS: Partial<Record<GgmlType, GgmlType>> = { q4_K: 'q5_0', q5_K: 'q5_1', q6_K: 'q8_0' }

/** What the choice of a tensor's type depends on besides the tensor. */
export interface MixModel {
  readonly blocks: number
  readonly heads: number
  readonly headsKv: number
  /** There is no LM head of its own: the embedding serves as one (in Stream, as none). */
  readonly tied: boolean
}

/** A tensor's type, and the one the mix wanted for it where its rows do not divide into that one's blocks. */
export interface TensorType {
  readonly type: GgmlType
  readonly wanted: GgmlType
}

/** @throws TypeError for what is not a {@link ConvertType} */
export function requireConvertType(type: string): asserts type is ConvertType {
  if (!Object.hasOwn(BASES, type)) {
    throw new TypeError(`type is ${JSON.stringify(type)}, expected ${CONVERT_TYPES.join(', ')}`)
  }
}

export function isFloat(type: string): boolean {
  return (FLOATS as readonly string[]).includes(type)
}

/** llama.cpp's number of a type, for `general.file_type`. */
export function fileTypeNumber(type: ConvertType): number {
  for (const [number, name] of FILE_TYPES) if (name.toLowerCase() === type) return number
  throw new TypeError(`llama.cpp has no file type ${type}`)
}

/**
 * The ggml type of one tensor in a file of `type`: llama.cpp's choice, but for the guard heads, which
 * llama.cpp does not know and which stay f32.
 *
 * Source: `llama_tensor_get_type_impl` and `tensor_type_fallback` in src/llama-quant.cpp of llama.cpp v0.5.0,
 * for the architecture qwen3 and without an importance matrix.
 *
 * @param name in the GGUF
 * @param row values in one row
 */
export function tensorType(type: ConvertType, name: string, row: number, model: MixModel): TensorType {
  if (name.startsWith('cls.') || name.endsWith('norm.weight')) return { type: 'f32', wanted: 'f32' }
  const base = BASES[type]
  const wanted = isFloat(base) ? base : mixed(type, base, name, row, model)
  return { type: fitting(wanted, row), wanted }
}

/** Says which tensors are not of the type that the mix wanted, a line for each such type. */
export function fallbackNotes(tensors: readonly (TensorType & { tensor: { name: string } })[]): string[] {
  const fallen = new Map<string, string[]>()
  for (const { type, wanted, tensor } of tensors) {
    if (type === wanted) continue
    const what = `${type}, not ${wanted}: their rows are not a multiple of ${typeInfo(wanted).blockSize}`
    fallen.set(what, [...(fallen.get(what) ?? []), tensor.name])
  }
  return [...fallen].map(
    ([what, names]) => `${names.length} tensors are ${what} (${names.slice(0, 3).join(', ')})`,
  )
}

function mixed(type: ConvertType, base: GgmlType, name: string, row: number, model: MixModel): GgmlType {
  const { blocks, heads, headsKv, tied } = model
  if (name === 'output.weight' || (tied && name === 'token_embd.weight')) {
    return base === 'q8_0' || !divides(base, row) ? 'q8_0' : 'q6_K'
  }
  const [, block, matrix] = /^blk\.(\d+)\.(attn_v|ffn_down)\.weight$/.exec(name) ?? []
  if (block === undefined) return base
  const layer = Number(block)
  if (type === 'q4_k_m' || type === 'q5_k_m') return takesMoreBits(layer, blocks) ? 'q6_K' : base
  if (type !== 'iq4_nl') return base
  const eighth = Math.floor(blocks / 8)
  return (matrix === 'attn_v' ? Math.floor(heads / headsKv) >= 4 : layer < eighth) ? 'q5_K' : base
}

/** The first and the last eighth of the layers, and every third one between. */
function takesMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8)
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2
}

function fitting(type: GgmlType, row: number): GgmlType {
  if (divides(type, row)) return type
  const smaller = SMALL_BLOCKS[type]
  return smaller && divides(smaller, row) ? smaller : 'f16'
}

function divides(type: GgmlType, row: number): boolean {
  return row % typeInfo(type).blockSize === 0
}
