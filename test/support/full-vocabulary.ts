// A model that knows nothing, with Qwen3's own tokenizer: for tests of ids.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { convertCheckpoint } from '../../lib/models/convert/convert.js'
import { writeTensors } from './checkpoint.js'
import { checkpointPath } from './fixtures.js'
import { tokenizerPath } from './qwen3-tokenizer.js'

const VOCABULARY = 151_936
const HIDDEN = 32
const HEAD = 32

export const RENDERED = join(import.meta.dirname, '..', 'fixtures', 'rendered')

/** Converts a checkpoint of one layer of zeros with Qwen3's tokenizer; returns the GGUF's path. */
export async function fullVocabularyModel(directory: string, variant: 'gen' | 'stream'): Promise<string> {
  const checkpoint = join(directory, `full-${variant}`)
  mkdirSync(checkpoint)
  const config = JSON.parse(
    readFileSync(join(checkpointPath(`${variant}-f32-tied`), 'config.json'), 'utf8'),
  ) as Record<string, unknown>
  const json = (name: string, value: unknown) => writeFileSync(join(checkpoint, name), JSON.stringify(value))
  json('config.json', {
    ...config,
    torch_dtype: 'bfloat16',
    vocab_size: VOCABULARY,
    hidden_size: HIDDEN,
    intermediate_size: HIDDEN,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: HEAD,
    guard_inner_size: HIDDEN,
    eos_token_id: 151_645,
  })
  copyFileSync(tokenizerPath, join(checkpoint, 'tokenizer.json'))
  const template = readFileSync(
    join(RENDERED, variant === 'gen' ? 'gen_template.jinja' : 'qwen3_template.jinja'),
    'utf8',
  )
  json('tokenizer_config.json', {
    chat_template: template,
    eos_token: '<|im_end|>',
    pad_token: '<|endoftext|>',
  })

  const layer = 'model.layers.0'
  const shapes: Record<string, number[]> = {
    'model.embed_tokens.weight': [VOCABULARY, HIDDEN],
    'model.norm.weight': [HIDDEN],
    [`${layer}.input_layernorm.weight`]: [HIDDEN],
    [`${layer}.post_attention_layernorm.weight`]: [HIDDEN],
    [`${layer}.self_attn.q_proj.weight`]: [2 * HEAD, HIDDEN],
    [`${layer}.self_attn.k_proj.weight`]: [HEAD, HIDDEN],
    [`${layer}.self_attn.v_proj.weight`]: [HEAD, HIDDEN],
    [`${layer}.self_attn.o_proj.weight`]: [HIDDEN, 2 * HEAD],
    [`${layer}.self_attn.q_norm.weight`]: [HEAD],
    [`${layer}.self_attn.k_norm.weight`]: [HEAD],
    [`${layer}.mlp.gate_proj.weight`]: [HIDDEN, HIDDEN],
    [`${layer}.mlp.up_proj.weight`]: [HIDDEN, HIDDEN],
    [`${layer}.mlp.down_proj.weight`]: [HIDDEN, HIDDEN],
  }
  if (variant === 'stream') {
    for (const [group, categories] of [
      ['', 8],
      ['query_', 9],
    ] as const) {
      shapes[`${group}risk_level_category_pre.weight`] = [HIDDEN, HIDDEN]
      shapes[`${group}risk_level_category_layernorm.weight`] = [HIDDEN]
      shapes[`${group}risk_level_head.weight`] = [3, HIDDEN]
      shapes[`${group}category_head.weight`] = [categories, HIDDEN]
    }
  }
  const bytes = (shape: number[]) => shape.reduce((a, b) => a * b, 2)
  writeTensors(
    join(checkpoint, 'model.safetensors'),
    new Map(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        { dtype: 'BF16', shape, data: Buffer.alloc(bytes(shape)) },
      ]),
    ),
  )
  const path = join(directory, `full-${variant}.gguf`)
  await convertCheckpoint(checkpoint, path, { type: 'bf16' })
  return path
}
