import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ConvertType } from '../../../lib/models/convert/convert.js'
import { convertCheckpoint } from '../../../lib/models/convert/convert.js'
import { editJson } from '../../support/checkpoint.js'
import { checkpointPath } from '../../support/fixtures.js'
import { copy, directory, out, refusal } from '../../support/refused-conversions.js'

const RENDERED = join(import.meta.dirname, '..', '..', 'fixtures', 'rendered')

describe('convertCheckpoint refuses', () => {
  it('a type it does not write', async () => {
    const type = 'q4_K' as ConvertType // ggml's name of a tensor type, not that of a file
    await expect(convertCheckpoint(checkpointPath('gen-f32-tied'), out(), { type })).rejects.toThrow(
      TypeError,
    )
  })

  it('a directory that is not there, and one without weights', async () => {
    const missing = await refusal(join(directory, 'nowhere'))
    expect(missing.code).toBe('ERR_MODEL_NOT_FOUND')
    mkdirSync(join(directory, 'bare'))
    writeFileSync(join(directory, 'bare', 'pytorch_model.bin'), '')
    expect((await refusal(join(directory, 'bare'))).message).toMatch(
      /no model\.safetensors.*pytorch_model\.bin/,
    )
  })

  it('another architecture, by name', async () => {
    const from = copy('gen-f32-tied')
    editJson(join(from, 'config.json'), (config) => {
      config.architectures = ['LlamaForCausalLM']
    })
    const error = await refusal(from)
    expect(error.code).toBe('ERR_MODEL_KIND')
    expect(error.message).toMatch(/"LlamaForCausalLM", expected Qwen3ForGuardModel/)
  })

  const configs: [string, (config: Record<string, unknown>) => void, RegExp][] = [
    [
      'missing sizes, all named',
      (c) => {
        delete c.hidden_size
        delete c.rms_norm_eps
      },
      /"hidden_size" is null.*"rms_norm_eps" is null/,
    ],
    [
      'sizes that are no numbers',
      (c) => {
        c.num_hidden_layers = '3'
      },
      /"num_hidden_layers" is "3", expected a number/,
    ],
    ...(
      [
        'num_hidden_layers',
        'hidden_size',
        'vocab_size',
        'num_attention_heads',
        'num_key_value_heads',
        'head_dim',
        'intermediate_size',
        'max_position_embeddings',
      ] as const
    ).map((key): [string, (config: Record<string, unknown>) => void, RegExp] => [
      `${key} that no memory has room for`,
      (c) => {
        c[key] = 1_000_000_000
      },
      new RegExp(`"${key}" is 1000000000, expected a number above 0 and at most`),
    ]),
    [
      'RoPE scaling',
      (c) => {
        c.rope_scaling = { rope_type: 'yarn', factor: 4 }
      },
      /"rope_scaling"/,
    ],
    [
      'attention biases',
      (c) => {
        c.attention_bias = true
      },
      /"attention_bias" is true, expected false/,
    ],
    [
      'a sliding window',
      (c) => {
        c.use_sliding_window = true
      },
      /"use_sliding_window"/,
    ],
    [
      'quantized weights',
      (c) => {
        c.quantization_config = { quant_method: 'fp8' }
      },
      /"quantization_config"/,
    ],
    [
      'a label map with a gap',
      (c) => {
        c.response_category_map = { 0: 'Violent', 2: 'PII' }
      },
      /"response_category_map" has the keys 0, 2, expected "0" to "1": "1" is missing/,
    ],
    [
      'a missing label map',
      (c) => {
        delete c.query_risk_level_map
      },
      /"query_risk_level_map" is missing/,
    ],
    [
      'an unknown label',
      (c) => {
        c.query_risk_level_map = { 0: 'Safe', 1: 'Unsafe', 2: 'Perhaps' }
      },
      /"query_risk_level_map" has "Perhaps" at 2/,
    ],
    [
      'fewer labels than the head has rows',
      (c) => {
        c.query_category_map = { 0: 'Violent', 1: 'PII' }
        c.num_query_category = 2
      },
      /"query_category_map" has 2 labels \(Violent, PII\), expected Violent, .*Jailbreak in some order/,
    ],
    [
      'Jailbreak among the categories of replies',
      (c) => {
        c.response_category_map = { ...(c.response_category_map as object), 7: 'Jailbreak' }
      },
      /"response_category_map" has "Jailbreak" at 7, expected one of/,
    ],
    [
      'a stated number of classes that labels do not have',
      (c) => {
        c.num_category = 7
      },
      /response_category_map in config\.json has 8 labels, expected num_category, 7/,
    ],
    [
      'another inner width than stated',
      (c) => {
        c.guard_inner_size = 64
      },
      /has 32 rows, expected guard_inner_size, 64/,
    ],
    [
      'more layers than there are',
      (c) => {
        c.num_hidden_layers = 4
      },
      /model\.layers\.3\.input_layernorm\.weight is missing/,
    ],
    [
      'fewer layers than there are',
      (c) => {
        c.num_hidden_layers = 2
      },
      /model\.layers\.2\..* is there, but no Qwen3Guard model has it.*and 1 more/,
    ],
    [
      'another vocabulary size',
      (c) => {
        c.vocab_size = 543
      },
      /model\.embed_tokens\.weight has shape \[544, 64\], expected \[543, 64\]/,
    ],
  ]
  it.each(configs)('%s', async (_name, change, message) => {
    const from = copy('stream-f32-tied')
    editJson(join(from, 'config.json'), change)
    const error = await refusal(from)
    expect(error.code).toBe('ERR_CHECKPOINT_INVALID')
    expect(error.message).toMatch(message)
  })

  const tokenizers: [string, (tokenizer: Record<string, unknown>) => void, RegExp][] = [
    [
      'no BPE',
      (t) => {
        ;(t.model as { type: string }).type = 'Unigram'
      },
      /not a BPE/,
    ],
    [
      'another pre-tokenizer',
      (t) => {
        t.pre_tokenizer = { type: 'ByteLevel' }
      },
      /pre-tokenizer does not split as Qwen2's/,
    ],
    [
      'another normalizer',
      (t) => {
        t.normalizer = { type: 'NFKC' }
      },
      /normalizer is not NFC/,
    ],
    [
      'a merge to no token',
      (t) => {
        ;(t.model as { merges: unknown[] }).merges.push(['zz', 'qq'])
      },
      /merge 256 is \["zz","qq"\]/,
    ],
    [
      'an id beyond the embedding',
      (t) => {
        ;(t.added_tokens as { id: number }[])[0]!.id = 544
      },
      /has id 544, expected 0 to 543/,
    ],
    [
      'an id twice',
      (t) => {
        ;(t.added_tokens as { id: number }[])[1]!.id = 512
      },
      /has id 512, which clashes/,
    ],
  ]
  it.each(tokenizers)('a tokenizer with %s', async (_name, change, message) => {
    const from = copy('gen-f32-tied')
    editJson(join(from, 'tokenizer.json'), change)
    const error = await refusal(from)
    expect(error.message).toContain(join(from, 'tokenizer.json'))
    expect(error.message).toMatch(message)
  })

  it('a Gen checkpoint without a chat template', async () => {
    const from = copy('gen-f32-tied')
    rmSync(join(from, 'chat_template.jinja'))
    rmSync(join(from, 'tokenizer_config.json'))
    expect((await refusal(from)).message).toMatch(/no chat template/)
  })

  it('a plain chat model, which has the architecture of Gen', async () => {
    const from = copy('gen-f32-tied')
    const chat = readFileSync(join(RENDERED, 'qwen3_template.jinja'), 'utf8')
    writeFileSync(join(from, 'chat_template.jinja'), chat)
    const error = await refusal(from)
    expect(error.code).toBe('ERR_MODEL_KIND')
    expect(error.message).toMatch(/asks for no safety verdict.*plain Qwen3 chat model.*chat_template\.jinja/)
  })

  it('a checkpoint without config.json or tokenizer.json', async () => {
    for (const file of ['config.json', 'tokenizer.json']) {
      const from = copy('gen-f32-tied')
      rmSync(join(from, file))
      expect((await refusal(from)).message).toMatch(new RegExp(`${file} is missing`))
    }
  })
})
