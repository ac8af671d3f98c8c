import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadBinding } from '../../../lib/binding/addon.js'
import {
  CONVERT_TYPES,
  type ConvertType,
  fileTypeNumber,
  tensorType,
} from '../../../lib/models/convert/tensor-type.js'
import { typeInfo } from '../../../lib/models/gguf/ggml-types.js'
import { type Qwen3Sizes, qwen3Tensors } from '../../../lib/models/gguf/qwen3-tensors.js'

/** What llama.cpp's own rule chooses; scripts/golden/tensor_types.cc printed it. */
const RECORDED = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', '..', 'fixtures', 'tensor-types.json'), 'utf8'),
) as {
  name: string
  sizes: Qwen3Sizes
  tied: boolean
  types: Partial<Record<ConvertType, Record<string, string>>>
}[]

describe('tensorType', () => {
  const quantized = CONVERT_TYPES.filter((type) => !['f32', 'f16', 'bf16'].includes(type))
  const cases = RECORDED.flatMap((recorded) =>
    quantized.map((type) => ({ recorded, type, name: recorded.name })),
  )

  it.each(cases)('chooses as llama.cpp does: $name, $type', ({ recorded, type }) => {
    const { sizes, tied } = recorded
    const chosen = new Map<string, string[]>()
    for (const { name, shape, f32 } of qwen3Tensors(sizes, tied ? 'tied' : 'untied')) {
      const { type: tensor } = tensorType(type, name, shape[0]!, { ...sizes, tied })
      if (f32) {
        expect(tensor, name).toBe('f32')
        continue
      }
      const key = name.replace(/^blk\.\d+\./, '')
      chosen.set(key, [...(chosen.get(key) ?? []), tensor])
    }
    const lines = [...chosen].map(([name, layers]) => [
      name,
      new Set(layers).size === 1 ? layers[0] : layers.join(' '),
    ])
    expect(Object.fromEntries(lines)).toEqual(recorded.types[type])
  })

  it.each(CONVERT_TYPES)('keeps norms and guard heads f32 in a %s file', (type) => {
    const heads = { inner: 512, response: { risk: 3, category: 8 }, query: { risk: 3, category: 9 } }
    const { sizes } = RECORDED[0]!
    const kept = qwen3Tensors(sizes, heads).filter(({ f32 }) => f32)
    expect(kept.length).toBe(4 * 28 + 1 + 8)
    for (const { name, shape } of kept) {
      expect(tensorType(type, name, shape[0]!, { ...sizes, tied: true }).type, name).toBe('f32')
    }
  })

  it.each(['f32', 'f16', 'bf16'] as const)('writes every matrix of a %s file in that type', (type) => {
    const { sizes } = RECORDED[2]!
    for (const { name, shape, f32 } of qwen3Tensors(sizes, 'untied')) {
      if (!f32) expect(tensorType(type, name, shape[0]!, { ...sizes, tied: false }).type, name).toBe(type)
    }
  })

  it('says which type it would have taken where rows do not divide', () => {
    const model = { blocks: 1, heads: 1, headsKv: 1, tied: true }
    expect(tensorType('q4_k_m', 'blk.0.attn_q.weight', 96, model)).toEqual({ type: 'q5_0', wanted: 'q4_K' })
    expect(tensorType('q4_k_m', 'blk.0.attn_q.weight', 512, model)).toEqual({ type: 'q4_K', wanted: 'q4_K' })
    expect(tensorType('q4_0', 'blk.0.attn_q.weight', 80, model)).toEqual({ type: 'f16', wanted: 'q4_0' })
  })
})

describe('fileTypeNumber', () => {
  it("is llama.cpp's `enum llama_ftype`", () => {
    const numbers = Object.fromEntries(CONVERT_TYPES.map((type) => [type, fileTypeNumber(type)]))
    expect(numbers).toEqual({
      f32: 0,
      f16: 1,
      bf16: 32,
      q8_0: 7,
      q6_k: 18,
      q5_k_m: 17,
      q4_k_m: 15,
      q4_0: 2,
      iq4_nl: 25,
    })
  })
})

describe('typeInfo', () => {
  it("has ggml's sizes", () => {
    for (const name of [
      'f32',
      'f16',
      'bf16',
      'q8_0',
      'q6_K',
      'q5_K',
      'q4_K',
      'q5_1',
      'q5_0',
      'q4_0',
      'iq4_nl',
    ] as const) {
      const { blockSize, blockBytes } = typeInfo(name)
      expect((512 / blockSize) * blockBytes, name).toBe(loadBinding().rowBytes(name, 512))
    }
  })
})
