import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { GuardError } from '../../../lib/errors.js'
import { checkGguf } from '../../../lib/models/gguf/check/check.js'
import { readGguf } from '../../../lib/models/gguf/reader.js'
import type { Gguf, Tensor } from '../../support/gguf-writer.js'
import { writeGguf } from '../../support/gguf-writer.js'
import { temporaryDirectory } from '../../support/temporary.js'
import { dropEntry, f32Tensor, setEntry, tensorOf, tinyModel } from '../../support/tiny-model.js'

const directory = temporaryDirectory()
let count = 0

async function check(gguf: Gguf): Promise<void> {
  const path = join(directory, `${count++}.gguf`)
  writeFileSync(path, writeGguf(gguf))
  await checkGguf(await readGguf(path))
}

async function refusal(gguf: Gguf): Promise<GuardError> {
  const error = await check(gguf).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(GuardError)
  return error as GuardError
}

function strings(gguf: Gguf, key: string): string[] {
  const entry = gguf.metadata.find(([name]) => name === key)
  return [...((entry?.[2] ?? []) as string[])]
}

function reshape(gguf: Gguf, name: string, shape: number[]): void {
  Object.assign(tensorOf(gguf, name), f32Tensor(name, shape) satisfies Tensor)
}

function dropTensor(gguf: Gguf, name: string): void {
  gguf.tensors = gguf.tensors.filter((tensor) => tensor.name !== name)
}

describe('checkGguf', () => {
  it.each([0, 1])('accepts what llama.cpp leaves when it merges parts, with a count of %i', async (count) => {
    const gguf = tinyModel('gen')
    setEntry(gguf, 'split.no', 'uint16', 0)
    setEntry(gguf, 'split.count', 'uint16', count)
    setEntry(gguf, 'split.tensors.count', 'int32', gguf.tensors.length)
    await check(gguf)
  })

  it.each(['gen', 'stream'] as const)('accepts a sound %s model', async (variant) => {
    await check(tinyModel(variant))
  })

  it('accepts an LM head of its own, and a plain Qwen3 by others', async () => {
    const gguf = tinyModel('gen')
    gguf.metadata = gguf.metadata.filter(([key]) => !key.startsWith('qwen3guard.'))
    gguf.tensors.push(f32Tensor('output.weight', tensorOf(gguf, 'token_embd.weight').shape))
    const types = gguf.metadata.find(([key]) => key === 'tokenizer.ggml.token_type')?.[2] as number[]
    setEntry(
      gguf,
      'tokenizer.ggml.token_type',
      'int32[]',
      types.map((type) => (type === 3 ? 4 : type)),
    )
    await check(gguf)
  })

  it.each<[string, (gguf: Gguf) => unknown, RegExp]>([
    [
      'another architecture',
      (g) => setEntry(g, 'general.architecture', 'string', 'llama'),
      /"llama", expected "qwen3"/,
    ],
    ['no architecture', (g) => dropEntry(g, 'general.architecture'), /names no architecture/],
    [
      'an adapter',
      (g) => setEntry(g, 'general.type', 'string', 'adapter'),
      /"adapter", expected a whole model/,
    ],
    ['a vocabulary alone', (g) => g.tensors.splice(0), /vocabulary only/],
  ])('says that %s is sound but of another kind', async (_name, breakIt, message) => {
    const gguf = tinyModel('gen')
    breakIt(gguf)
    const error = await refusal(gguf)
    expect(error.code).toBe('ERR_MODEL_KIND')
    expect(error.message).toMatch(message)
  })

  const TOKENS = 'tokenizer.ggml.tokens'
  const edit = (key: string, change: (values: string[]) => unknown) => (gguf: Gguf) => {
    const values = strings(gguf, key)
    change(values)
    setEntry(gguf, key, 'string[]', values)
  }
  const keys: [string, (gguf: Gguf) => unknown, RegExp][] = [
    [
      'architecture of another type',
      (g) => setEntry(g, 'general.architecture', 'uint32', 3),
      /general\.architecture is a uint32, expected a string/,
    ],
    ['no context length', (g) => dropEntry(g, 'qwen3.context_length'), /context_length is missing/],
    [
      'block count 0',
      (g) => setEntry(g, 'qwen3.block_count', 'uint32', 0),
      /block_count is 0, expected 1 to 512/,
    ],
    ['block count 513', (g) => setEntry(g, 'qwen3.block_count', 'uint32', 513), /block_count is 513/],
    [
      'block count as text',
      (g) => setEntry(g, 'qwen3.block_count', 'string', '1'),
      /block_count is a string, expected a uint32/,
    ],
    [
      'block count as uint64',
      (g) => setEntry(g, 'qwen3.block_count', 'uint64', 1),
      /block_count is a uint64/,
    ],
    [
      'heads for each layer',
      (g) => setEntry(g, 'qwen3.attention.head_count', 'uint32[]', [2]),
      /head_count is an array of uint32/,
    ],
    ['no heads', (g) => setEntry(g, 'qwen3.attention.head_count', 'uint32', 0), /head_count is 0/],
    [
      'heads that groups do not divide',
      (g) => setEntry(g, 'qwen3.attention.head_count_kv', 'uint32', 3),
      /head_count is 2, expected a multiple of head_count_kv, 3/,
    ],
    [
      'an odd head size',
      (g) => setEntry(g, 'qwen3.attention.key_length', 'uint32', 15),
      /key_length is 15, expected an even number/,
    ],
    [
      'unequal key and value lengths',
      (g) => setEntry(g, 'qwen3.attention.value_length', 'uint32', 8),
      /value_length is 8, expected attention\.key_length, 16/,
    ],
    [
      'rotation of half a head',
      (g) => setEntry(g, 'qwen3.rope.dimension_count', 'uint32', 8),
      /rope\.dimension_count is 8/,
    ],
    [
      'epsilon 0',
      (g) => setEntry(g, 'qwen3.attention.layer_norm_rms_epsilon', 'float32', 0),
      /layer_norm_rms_epsilon is 0/,
    ],
    [
      'epsilon that is no number',
      (g) => setEntry(g, 'qwen3.attention.layer_norm_rms_epsilon', 'float32', Number.NaN),
      /layer_norm_rms_epsilon is NaN/,
    ],
    [
      'an infinite RoPE base',
      (g) => setEntry(g, 'qwen3.rope.freq_base', 'float32', Number.POSITIVE_INFINITY),
      /freq_base is Infinity/,
    ],
    [
      'RoPE scaling',
      (g) => setEntry(g, 'qwen3.rope.scaling.type', 'string', 'nonsense'),
      /scaling\.type is "nonsense", expected "none"/,
    ],
    [
      'experts',
      (g) => setEntry(g, 'qwen3.expert_count', 'uint32', 8),
      /qwen3\.expert_count is there, but no Qwen3Guard model has it/,
    ],
    [
      'a sliding window',
      (g) => setEntry(g, 'qwen3.attention.sliding_window', 'uint32', 8),
      /sliding_window is there/,
    ],
    [
      'extra prediction layers',
      (g) => setEntry(g, 'qwen3.nextn_predict_layers', 'uint32', 9),
      /nextn_predict_layers is there/,
    ],
    [
      'keys of a merge that llama.cpp would read as another type',
      (g) => setEntry(g, 'split.count', 'uint32', 0),
      /split\.count is a uint32, expected a uint16/,
    ],
    [
      'a file type that no enumerator has room for',
      (g) => setEntry(g, 'general.file_type', 'uint32', 4_000_000_000),
      /general\.file_type is 4000000000, expected 0 to 1023/,
    ],
    [
      'more added tokens than any text can be searched for',
      (g) => {
        const tokens = Array.from({ length: 20_000 }, (_, i) => `<${i}>`)
        setEntry(g, 'tokenizer.ggml.tokens', 'string[]', [...strings(g, 'tokenizer.ggml.tokens'), ...tokens])
        const types = g.metadata.find(([key]) => key === 'tokenizer.ggml.token_type')?.[2] as number[]
        setEntry(g, 'tokenizer.ggml.token_type', 'int32[]', [...types, ...tokens.map(() => 3)])
      },
      /more than 16384 tokens are control or user-defined/,
    ],
    [
      'one part of many',
      (g) => setEntry(g, 'split.count', 'uint16', 2),
      /split\.count marks one part.*merge/,
    ],
    [
      'another schema',
      (g) => setEntry(g, 'qwen3guard.schema_version', 'uint32', 2),
      /schema_version is 2, expected 1: update this package/,
    ],
    [
      'an unknown variant',
      (g) => setEntry(g, 'qwen3guard.variant', 'string', 'both'),
      /variant is "both", expected "gen" or "stream"/,
    ],
    [
      'a name with a zero byte',
      (g) => setEntry(g, 'general.name', 'string', 'a\0b'),
      /general\.name holds a zero byte/,
    ],
    [
      'a name by which llama.cpp takes it for another model',
      (g) => setEntry(g, 'general.name', 'string', 'My Phi-3'),
      /general\.name is "My Phi-3"/,
    ],
    [
      'another tokenizer',
      (g) => setEntry(g, 'tokenizer.ggml.model', 'string', 'llama'),
      /"llama", expected "gpt2"/,
    ],
    [
      'another pre-tokenizer',
      (g) => setEntry(g, 'tokenizer.ggml.pre', 'string', 'gemma4'),
      /"gemma4", expected "qwen2"/,
    ],
    ['no tokens', (g) => dropEntry(g, TOKENS), /tokens is missing, expected an array of string/],
    ['numbers for tokens', (g) => setEntry(g, TOKENS, 'int32[]', [1, 2]), /tokens is an array of int32/],
    [
      'more token types than tokens',
      (g) => setEntry(g, 'tokenizer.ggml.token_type', 'int32[]', new Array(289).fill(1)),
      /token_type has 289 elements, expected as many as .*288/,
    ],
    ['a token twice', edit(TOKENS, (t) => t.splice(7, 1, t[6]!)), /element 7 .*twice/],
    ['an empty token', edit(TOKENS, (t) => t.splice(7, 1, '')), /element 7 .*empty/],
    [
      'tokens equal up to a zero byte',
      edit(TOKENS, (t) => t.splice(7, 1, `${t[6]}\0x`)),
      /element 7 .*zero byte/,
    ],
    [
      'a token type that aborts',
      (g) => setEntry(g, 'tokenizer.ggml.token_type', 'int32[]', new Array(288).fill(6)),
      /token_type: element 0 is 6/,
    ],
    [
      'a merge without a space',
      edit('tokenizer.ggml.merges', (m) => m.splice(1, 1, 'the')),
      /merges: element 1 is "the"/,
    ],
    [
      'a merge of two spaces',
      edit('tokenizer.ggml.merges', (m) => m.splice(1, 1, 't h e')),
      /merges: element 1/,
    ],
    [
      'a merge to no token',
      edit('tokenizer.ggml.merges', (m) => m.splice(1, 1, 'z q')),
      /merges: element 1 is "z q"/,
    ],
    [
      'an end token out of range',
      (g) => setEntry(g, 'tokenizer.ggml.eos_token_id', 'uint32', 288),
      /eos_token_id is uint32 288, expected a token id .* below 288/,
    ],
    [
      'an end token of another type',
      (g) => setEntry(g, 'tokenizer.ggml.eos_token_id', 'int32', 5),
      /eos_token_id is int32 5/,
    ],
    [
      'a flag of another type',
      (g) => setEntry(g, 'tokenizer.ggml.add_bos_token', 'uint32', 0),
      /add_bos_token is a uint32, expected a bool/,
    ],
    [
      'too few scores',
      (g) => setEntry(g, 'tokenizer.ggml.scores', 'float32[]', [1]),
      /scores is not an array of 288/,
    ],
    [
      'stray labels',
      (g) => setEntry(g, 'qwen3guard.response.risk_labels', 'string[]', ['Safe']),
      /risk_labels is there, expected only where/,
    ],
  ]
  it.each(keys)('refuses %s', async (_name, breakIt, message) => {
    const gguf = tinyModel('gen')
    breakIt(gguf)
    const error = await refusal(gguf)
    expect(error.code).toBe('ERR_MODEL_INVALID')
    expect(error.message).toMatch(message)
    expect(error.message).toMatch(/Download the file again/)
  })

  const tensors: [string, (gguf: Gguf) => unknown, RegExp][] = [
    [
      'a missing tensor',
      (g) => dropTensor(g, 'blk.0.attn_k.weight'),
      /blk\.0\.attn_k\.weight is missing, expected with shape \[32, 16\]/,
    ],
    [
      'a tensor of another shape',
      (g) => reshape(g, 'blk.0.ffn_up.weight', [32, 64]),
      /blk\.0\.ffn_up\.weight has shape \[32, 64\], expected \[32, 32\]/,
    ],
    [
      'rows unequal to tokens',
      (g) => reshape(g, 'token_embd.weight', [32, 256]),
      /\[32, 256\], expected \[32, 288\] by the number of tokens/,
    ],
    [
      'an extra tensor',
      (g) => void g.tensors.push(f32Tensor('blk.0.attn_q.bias', [32])),
      /attn_q\.bias is there, but no Qwen3Guard/,
    ],
    [
      'a layer too many',
      (g) => void g.tensors.push(f32Tensor('blk.1.attn_norm.weight', [32])),
      /blk\.1\.attn_norm\.weight is there/,
    ],
    [
      'a norm in f16',
      (g) => Object.assign(tensorOf(g, 'output_norm.weight'), { type: 1, data: new Uint8Array(64) }),
      /output_norm\.weight has type f16, expected f32/,
    ],
    [
      'a head in f16',
      (g) => Object.assign(tensorOf(g, 'cls.norm.query.weight'), { type: 1, data: new Uint8Array(64) }),
      /cls\.norm\.query\.weight has type f16/,
    ],
    [
      'integers for weights',
      (g) => Object.assign(tensorOf(g, 'blk.0.ffn_up.weight'), { type: 26 }),
      /ffn_up\.weight has type i32, in which llama\.cpp cannot compute/,
    ],
    [
      'an LM head in a Stream model',
      (g) => void g.tensors.push(f32Tensor('output.weight', [32, 288])),
      /output\.weight is there, but a Stream model has no LM head: convert/,
    ],
    [
      'a missing head',
      (g) => dropTensor(g, 'cls.output.query_risk.weight'),
      /cls\.output\.query_risk\.weight is missing/,
    ],
    [
      'a head too many',
      (g) => void g.tensors.push(f32Tensor('cls.output.weight', [32, 1])),
      /cls\.output\.weight is there/,
    ],
    [
      'fewer classes than labels',
      (g) => reshape(g, 'cls.output.query_category.weight', [32, 8]),
      /\[32, 8\], expected \[32, 9\].*labels in qwen3guard\.query\.category_labels/,
    ],
    [
      'another inner width',
      (g) => reshape(g, 'cls.response.weight', [32, 16]),
      /cls\.response\.weight has shape .* by qwen3guard\.head_size/,
    ],
    ['a missing inner width', (g) => dropEntry(g, 'qwen3guard.head_size'), /head_size is missing/],
    ['missing labels', (g) => dropEntry(g, 'qwen3guard.query.risk_labels'), /query\.risk_labels is missing/],
    [
      'labels that are no strings',
      (g) => setEntry(g, 'qwen3guard.query.risk_labels', 'uint32[]', [0, 1, 2]),
      /query\.risk_labels is not an array of strings/,
    ],
    [
      'an unknown risk',
      (g) => setEntry(g, 'qwen3guard.query.risk_labels', 'string[]', ['Safe', 'Unsafe', 'Maybe']),
      /has "Maybe" at 2, expected one of Safe, Controversial, Unsafe/,
    ],
    [
      'a label twice',
      (g) => setEntry(g, 'qwen3guard.query.risk_labels', 'string[]', ['Safe', 'Unsafe', 'Unsafe']),
      /"Unsafe" at 1 and 2, expected once/,
    ],
    [
      'two risks',
      (g) => setEntry(g, 'qwen3guard.query.risk_labels', 'string[]', ['Safe', 'Unsafe']),
      /has 2 labels/,
    ],
    [
      'no categories',
      (g) => setEntry(g, 'qwen3guard.response.category_labels', 'string[]', []),
      /response\.category_labels has 0 labels \(\), expected Violent, .*Copyright Violation in some order/,
    ],
    [
      'an unknown category',
      (g) => setEntry(g, 'qwen3guard.response.category_labels', 'string[]', ['"Violent"']),
      /has "\\"Violent\\"" at 0/,
    ],
    [
      'heads without a variant',
      (g) => setEntry(g, 'qwen3guard.variant', 'string', 'gen'),
      /risk_labels is there, expected only where/,
    ],
  ]
  it.each(tensors)('refuses %s', async (_name, breakIt, message) => {
    const gguf = tinyModel('stream')
    breakIt(gguf)
    const error = await refusal(gguf)
    expect(error.code).toBe('ERR_MODEL_INVALID')
    expect(error.message).toMatch(message)
  })

  it('names the first ten of many defects', async () => {
    const gguf = tinyModel('gen')
    setEntry(gguf, 'qwen3.block_count', 'uint32', 3)
    const error = await refusal(gguf)
    expect(error.message.match(/is missing/g)).toHaveLength(10)
    expect(error.message).toMatch(/and 12 more/)
  })
})
