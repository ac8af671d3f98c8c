import type { Entry, Gguf, Tensor } from './gguf-writer.js'

const EMBEDDING = 32
const HEAD = 16
const FEED_FORWARD = 32
const INNER = 32
const RISKS = ['Safe', 'Unsafe', 'Controversial']
const CATEGORIES = [
  'Violent',
  'Sexual Content or Sexual Acts',
  'Suicide & Self-Harm',
  'Politically Sensitive Topics',
  'PII',
  'Copyright Violation',
  'Non-violent Illegal Acts',
  'Unethical Acts',
]
const MERGES = ['t h', 'th e', 'i n', 'a n']
const ADDED = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<think>', '</think>']

/** The 256 characters that stand for bytes in a byte-level BPE. */
function byteCharacters(): string[] {
  const plain = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte < 173) || byte > 173
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(plain(byte) ? byte : next++))
}

/** A sound model of one block with weights that mean nothing, to be broken by tests. */
export function tinyModel(variant: 'gen' | 'stream'): Gguf {
  const tokens = [...byteCharacters(), ...MERGES.map((merge) => merge.replace(' ', '')), ...ADDED]
  const types: number[] = tokens.map((token) => (ADDED.includes(token) ? 3 : 1))
  while (tokens.length % 32 !== 0) {
    tokens.push(`[PAD${tokens.length}]`)
    types.push(5)
  }
  const metadata: Entry[] = [
    ['general.architecture', 'string', 'qwen3'],
    ['general.name', 'string', 'tiny'],
    ['general.file_type', 'uint32', 0],
    ['qwen3.block_count', 'uint32', 1],
    ['qwen3.context_length', 'uint32', 128],
    ['qwen3.embedding_length', 'uint32', EMBEDDING],
    ['qwen3.feed_forward_length', 'uint32', FEED_FORWARD],
    ['qwen3.attention.head_count', 'uint32', 2],
    ['qwen3.attention.head_count_kv', 'uint32', 1],
    ['qwen3.attention.key_length', 'uint32', HEAD],
    ['qwen3.attention.value_length', 'uint32', HEAD],
    ['qwen3.attention.layer_norm_rms_epsilon', 'float32', 1e-6],
    ['qwen3.rope.freq_base', 'float32', 1e6],
    ['qwen3guard.schema_version', 'uint32', 1],
    ['qwen3guard.variant', 'string', variant],
    ['tokenizer.ggml.model', 'string', 'gpt2'],
    ['tokenizer.ggml.pre', 'string', 'qwen2'],
    ['tokenizer.ggml.tokens', 'string[]', tokens],
    ['tokenizer.ggml.token_type', 'int32[]', types],
    ['tokenizer.ggml.merges', 'string[]', MERGES],
    ['tokenizer.ggml.eos_token_id', 'uint32', tokens.indexOf('<|im_end|>')],
    ['tokenizer.ggml.padding_token_id', 'uint32', tokens.indexOf('<|endoftext|>')],
    ['tokenizer.ggml.add_bos_token', 'bool', false],
    ['tokenizer.chat_template', 'string', "{{- 'Safety: Categories:' + messages[0].content }}"],
  ]
  const shapes: [name: string, shape: number[]][] = [
    ['token_embd', [EMBEDDING, tokens.length]],
    ['blk.0.attn_norm', [EMBEDDING]],
    ['blk.0.attn_q', [EMBEDDING, 2 * HEAD]],
    ['blk.0.attn_k', [EMBEDDING, HEAD]],
    ['blk.0.attn_v', [EMBEDDING, HEAD]],
    ['blk.0.attn_output', [2 * HEAD, EMBEDDING]],
    ['blk.0.attn_q_norm', [HEAD]],
    ['blk.0.attn_k_norm', [HEAD]],
    ['blk.0.ffn_norm', [EMBEDDING]],
    ['blk.0.ffn_gate', [EMBEDDING, FEED_FORWARD]],
    ['blk.0.ffn_up', [EMBEDDING, FEED_FORWARD]],
    ['blk.0.ffn_down', [FEED_FORWARD, EMBEDDING]],
    ['output_norm', [EMBEDDING]],
  ]
  if (variant === 'stream') {
    metadata.push(['qwen3guard.head_size', 'uint32', INNER])
    for (const [group, categories] of [
      ['response', CATEGORIES],
      ['query', [...CATEGORIES, 'Jailbreak']],
    ] as const) {
      metadata.push([`qwen3guard.${group}.risk_labels`, 'string[]', RISKS])
      metadata.push([`qwen3guard.${group}.category_labels`, 'string[]', categories])
      shapes.push(
        [`cls.${group}`, [EMBEDDING, INNER]],
        [`cls.norm.${group}`, [INNER]],
        [`cls.output.${group}_risk`, [INNER, RISKS.length]],
        [`cls.output.${group}_category`, [INNER, categories.length]],
      )
    }
  }
  return { version: 3, metadata, tensors: shapes.map(([name, shape]) => f32Tensor(`${name}.weight`, shape)) }
}

/** A tensor of small values that do not repeat quickly. */
export function f32Tensor(name: string, shape: number[]): Tensor {
  const count = shape.reduce((a, b) => a * b, 1)
  const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.7 + count) / 4)
  return { name, type: 0, shape, data: new Uint8Array(values.buffer) }
}

/** Sets a metadata entry, in its place if it is there. */
export function setEntry(gguf: Gguf, ...entry: Entry): void {
  const index = gguf.metadata.findIndex(([key]) => key === entry[0])
  if (index < 0) gguf.metadata.push(entry)
  else gguf.metadata[index] = entry
}

export function dropEntry(gguf: Gguf, key: string): void {
  gguf.metadata = gguf.metadata.filter(([name]) => name !== key)
}

export function tensorOf(gguf: Gguf, name: string): Tensor {
  const tensor = gguf.tensors.find((one) => one.name === name)
  if (!tensor) throw new Error(`the tiny model has no tensor ${name}`)
  return tensor
}
