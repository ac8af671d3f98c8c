import { WEIGHT_TYPES } from '../ggml-types.js'
import { KEYS, scalarAt } from '../metadata.js'
import type { HeadSizes, Qwen3Sizes } from '../qwen3-tensors.js'
import { qwen3Tensors } from '../qwen3-tensors.js'
import type { GgufFile } from '../reader.js'
import type { Report } from './keys.js'

/** Checks that the file has exactly the tensors its metadata promise, in these shapes and in types llama.cpp computes with. */
export function checkTensors(
  file: GgufFile,
  sizes: Qwen3Sizes,
  heads: HeadSizes | null,
  report: Report,
): void {
  const tensors = new Map(file.tensors.map((tensor) => [tensor.name, tensor]))
  const untied = heads === null && tensors.has('output.weight')
  const expected = qwen3Tensors(sizes, heads ?? (untied ? 'untied' : 'tied'))
  for (const { name, shape, f32 } of expected) {
    const tensor = tensors.get(name)
    if (!tensor) {
      report(`tensor ${name} is missing, expected with shape [${shape.join(', ')}]`)
      continue
    }
    tensors.delete(name)
    if (!sameShape(tensor.shape, shape)) {
      report(
        `tensor ${name} has shape [${tensor.shape.join(', ')}], expected [${shape.join(', ')}]${whence(name)}`,
      )
    }
    if (f32 && tensor.type !== 'f32') report(`tensor ${name} has type ${tensor.type}, expected f32`)
    if (!WEIGHT_TYPES.has(tensor.type)) {
      report(`tensor ${name} has type ${tensor.type}, in which llama.cpp cannot compute`)
    }
  }
  for (const name of tensors.keys()) report(`tensor ${name} is there, ${unexpected(file, name)}`)
}

/** Trailing dimensions of 1 do not count: ggml has four dimensions always. */
function sameShape(came: readonly number[], expected: readonly number[]): boolean {
  const length = Math.max(came.length, expected.length)
  for (let i = 0; i < length; i++) if ((came[i] ?? 1) !== (expected[i] ?? 1)) return false
  return true
}

/** Which metadata a shape that disagrees was compared with. */
function whence(name: string): string {
  const head = /^cls\.output\.(response|query)_(risk|category)\./.exec(name)
  if (head) {
    const [, group, kind] = head as unknown as [string, 'response' | 'query', 'risk' | 'category']
    return ` by ${KEYS.headSize} and the number of labels in ${KEYS.labels[group][kind]}`
  }
  if (name.startsWith('cls.')) return ` by ${KEYS.headSize}`
  if (name === 'token_embd.weight' || name === 'output.weight')
    return ' by the number of tokens in tokenizer.ggml.tokens'
  return ''
}

function unexpected(file: GgufFile, name: string): string {
  const stream = scalarAt(file, KEYS.variant, 'string') === 'stream'
  if (stream && name === 'output.weight') {
    return 'but a Stream model has no LM head: convert the checkpoint again'
  }
  if (name.startsWith('cls.'))
    return `expected only where ${KEYS.variant} is "stream": convert the checkpoint again`
  return 'but no Qwen3Guard model has it'
}
