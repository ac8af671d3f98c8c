import { writeFileSync } from 'node:fs'
import { writeGguf } from './gguf-writer.js'
import { setEntry, tinyModel } from './tiny-model.js'

const Q4_0 = 2

const CHAT_TEMPLATE = `{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' }}{%- endif %}`

/**
 * Writes a tiny model whose feed-forward weights, all zero, take about `mib` MiB; gives the path. Their type is one that
 * is rearranged for most CPUs, so that loading reads them.
 */
export function writeLargeModel(file: string, variant: 'gen' | 'stream', mib: number): string {
  const gguf = tinyModel(variant)
  const embedding = 32
  const feedForward = 16384
  const tensorBytes = (embedding * feedForward * 18) / 32
  const blocks = Math.ceil((mib * 2 ** 20) / (3 * tensorBytes))
  const first = gguf.tensors.filter(({ name }) => name.startsWith('blk.0.') && !name.includes('.ffn_'))
  const norm = gguf.tensors.find(({ name }) => name === 'blk.0.ffn_norm.weight')
  if (!norm) throw new Error('the tiny model has no ffn_norm')
  gguf.tensors = gguf.tensors.filter(({ name }) => !name.startsWith('blk.0.'))
  const zeros = new Uint8Array(tensorBytes)
  for (let i = 0; i < blocks; i++) {
    for (const tensor of [...first, norm]) {
      gguf.tensors.push({ ...tensor, name: tensor.name.replace('blk.0.', `blk.${i}.`) })
    }
    for (const name of ['gate', 'up', 'down']) {
      const shape = name === 'down' ? [feedForward, embedding] : [embedding, feedForward]
      gguf.tensors.push({ name: `blk.${i}.ffn_${name}.weight`, type: Q4_0, shape, data: zeros })
    }
  }
  setEntry(gguf, 'general.file_type', 'uint32', Q4_0)
  setEntry(gguf, 'qwen3.block_count', 'uint32', blocks)
  setEntry(gguf, 'qwen3.feed_forward_length', 'uint32', feedForward)
  setEntry(gguf, 'tokenizer.chat_template', 'string', CHAT_TEMPLATE)
  writeFileSync(file, writeGguf(gguf))
  return file
}
