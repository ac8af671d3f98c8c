import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { convertCheckpoint } from '../../../lib/models/convert/convert.js'
import type { StoredTensor } from '../../support/checkpoint.js'
import { constant, editJson, editTensors, readTensors, writeTensors } from '../../support/checkpoint.js'
import { copy, out, refusal } from '../../support/refused-conversions.js'

describe('convertCheckpoint refuses weights:', () => {
  const tensors: [string, (tensors: Map<string, StoredTensor>) => void, RegExp][] = [
    [
      'missing tensors, all named',
      (t) => {
        t.delete('model.norm.weight')
        t.delete('category_head.weight')
      },
      /model\.norm\.weight is missing.*category_head\.weight is missing/,
    ],
    [
      'a tensor of another shape',
      (t) => {
        t.set('model.layers.1.self_attn.q_norm.weight', constant([64], 1))
      },
      /q_norm\.weight has shape \[64\], expected \[32\]/,
    ],
    [
      'an extra tensor',
      (t) => {
        t.set('model.layers.0.self_attn.q_proj.bias', constant([128], 0))
      },
      /q_proj\.bias is there, but no Qwen3Guard model has it/,
    ],
    [
      'a tensor of another type',
      (t) => {
        t.set('model.norm.weight', { dtype: 'I8', shape: [64], data: Buffer.alloc(64) })
      },
      /model\.norm\.weight has type "I8", expected F32, F16 or BF16/,
    ],
    [
      'an infinite weight',
      (t) => {
        t.set('model.norm.weight', constant([64], Number.POSITIVE_INFINITY))
      },
      /a weight of model\.norm\.weight is Infinity/,
    ],
  ]
  it.each(tensors)('%s', async (_name, change, message) => {
    const from = copy('stream-f32-tied')
    editTensors(join(from, 'model.safetensors'), change)
    expect((await refusal(from)).message).toMatch(message)
  })

  it('weights too large for f16, but not for bf16', async () => {
    const from = copy('gen-f32-tied')
    editTensors(join(from, 'model.safetensors'), (tensors) => {
      tensors.set('model.embed_tokens.weight', constant([544, 64], 70_000))
    })
    expect((await refusal(from, out(), 'f16')).message).toMatch(
      /is 70000, expected at most 65504.*--type bf16/,
    )
    await convertCheckpoint(from, out(), { type: 'bf16' })
  })

  const SHARD = 'model-00002-of-00002.safetensors'
  it('a missing shard, by name', async () => {
    const from = copy('stream-bf16-sharded')
    rmSync(join(from, SHARD))
    expect((await refusal(from)).message).toMatch(new RegExp(`lacks 1 of 2 shards.*${SHARD}`))
  })

  it('an index that disagrees with its shards', async () => {
    const from = copy('stream-bf16-sharded')
    editJson(join(from, 'model.safetensors.index.json'), (index) => {
      ;(index.weight_map as Record<string, string>)['model.norm.weight'] = 'model-00001-of-00002.safetensors'
    })
    expect((await refusal(from)).message).toMatch(/says model\.norm\.weight is in model-00001.*not there/)
    const other = copy('stream-bf16-sharded')
    editJson(join(other, 'model.safetensors.index.json'), (index) => {
      ;(index.weight_map as Record<string, string>)['model.norm.weight'] = '../secret.safetensors'
    })
    expect((await refusal(other)).message).toMatch(
      /"\.\.\/secret\.safetensors", expected the name of a \.safetensors file/,
    )
  })

  type Header = Record<string, { dtype: string; shape: number[]; data_offsets: number[] }>
  const headers: [string, (header: Header) => void, RegExp][] = [
    [
      'overlapping tensors',
      (h) => {
        const [from, to] = h['model.norm.weight']!.data_offsets as [number, number]
        h['model.norm.weight']!.data_offsets = [from - 4, to - 4]
      },
      /model\.norm\.weight.* overlap|overlap/,
    ],
    [
      'a tensor beyond the file',
      (h) => {
        const [from, to] = h['model.norm.weight']!.data_offsets as [number, number]
        h['model.norm.weight']!.data_offsets = [from + 1e9, to + 1e9]
      },
      /model\.norm\.weight ends at byte \d+, the file has \d+/,
    ],
    [
      'a size unequal to the shape',
      (h) => {
        h['model.norm.weight']!.shape = [63]
      },
      /model\.norm\.weight of shape \[63\] and type F32 has 256 bytes, expected 252/,
    ],
    [
      'a negative offset',
      (h) => {
        h['model.norm.weight']!.data_offsets = [-4, 252]
      },
      /data_offsets \[-4,252\]/,
    ],
    [
      'a shape that is none',
      (h) => {
        h['model.norm.weight']!.shape = [0]
      },
      /shape \[0\], expected positive/,
    ],
  ]
  it.each(headers)('safetensors with %s', async (_name, change, message) => {
    const from = copy('gen-f32-tied')
    const path = join(from, 'model.safetensors')
    writeTensors(path, readTensors(path), change)
    const error = await refusal(from)
    expect(error.code).toBe('ERR_CHECKPOINT_INVALID')
    expect(error.message).toMatch(message)
  })

  it.each<[string, string | Buffer, RegExp]>([
    ['empty', '', /has 0 bytes/],
    ['not safetensors', 'x'.repeat(200), /header would have \d+ bytes/],
    [
      'a Git LFS pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n',
      /Git LFS pointer/,
    ],
    [
      'without a JSON header',
      Buffer.concat([Buffer.from([4, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"a"')]),
      /header is not JSON/,
    ],
  ])('weights that are %s', async (_name, content, message) => {
    const from = copy('gen-f32-tied')
    writeFileSync(join(from, 'model.safetensors'), content)
    expect((await refusal(from)).message).toMatch(message)
  })
})
