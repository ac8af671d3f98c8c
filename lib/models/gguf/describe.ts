import type { Category, HeadLabels, Safety } from '../../labels.js'
import { FILE_TYPES } from './ggml-types.js'
import { ARCHITECTURE, KEYS, scalarAt, statedSizes, stringsAt } from './metadata.js'
import type { GgufFile } from './reader.js'

/** What a GGUF's header says about its model. Lengths are counts of values, `contextLength` of tokens. */
export interface ModelDescription {
  /** `null`: a plain Qwen3 with an LM head, not made by this package. Gen if its template renders the safety policy. */
  variant: 'gen' | 'stream' | null
  architecture: string
  name: string | null
  license: string | null
  /** Type most weights have, such as `q8_0`. */
  fileType: string
  /** ggml's name of the tensor type that the most bytes have. */
  weightType: string
  /** ggml's names of the types of all matrices but the guard heads', in order of the alphabet. */
  matrixTypes: string[]
  contextLength: number
  embeddingLength: number
  blockCount: number
  headCount: number
  headCountKv: number
  /** Values in one attention head's key (and value). */
  keyLength: number
  feedForwardLength: number
  vocabSize: number
  chatTemplate: string | null
  /** A demonstration model: it shows how the software works and judges nothing reliably. */
  demonstration: boolean
  /** Gen without an output layer of its own: the embedding serves as one. */
  tiedOutput: boolean
  /** Stream only. */
  heads: HeadLabels | null
  /** Bytes of the file. */
  sizeBytes: number
  tensorCount: number
  /** Values in all tensors. */
  parameters: number
}

/**
 * Describes a model from its header. Never throws: on a file that `checkGguf` refuses, numbers are 0 and
 * texts null where the header does not say.
 */
export function describeGguf(file: GgufFile): ModelDescription {
  const sizes = statedSizes(file)
  const variant = scalarAt(file, KEYS.variant, 'string')
  const weightType = commonestType(file)
  const fileType = scalarAt(file, 'general.file_type', 'uint32')
  return {
    variant: variant === 'gen' || variant === 'stream' ? variant : null,
    architecture: scalarAt(file, 'general.architecture', 'string') ?? '',
    name: scalarAt(file, 'general.name', 'string'),
    license: scalarAt(file, 'general.license', 'string'),
    fileType: (fileType === null ? undefined : FILE_TYPES.get(fileType)) ?? weightType,
    weightType,
    matrixTypes: matrixTypes(file),
    contextLength: scalarAt(file, `${ARCHITECTURE}.context_length`, 'uint32') ?? 0,
    embeddingLength: sizes.embedding,
    blockCount: sizes.blocks,
    headCount: sizes.heads,
    headCountKv: sizes.headsKv,
    keyLength: sizes.headSize,
    feedForwardLength: sizes.feedForward,
    vocabSize: sizes.vocab,
    chatTemplate: scalarAt(file, 'tokenizer.chat_template', 'string'),
    demonstration: scalarAt(file, KEYS.demonstration, 'bool') === true,
    tiedOutput: !file.tensors.some(({ name }) => name === 'output.weight'),
    heads: headLabels(file),
    sizeBytes: file.size,
    tensorCount: file.tensors.length,
    parameters: file.tensors.reduce((sum, tensor) => sum + tensor.shape.reduce((a, b) => a * b, 1), 0),
  }
}

function headLabels(file: GgufFile): HeadLabels | null {
  const labels = (group: 'response' | 'query') => {
    const risk = stringsAt(file, KEYS.labels[group].risk)
    const category = stringsAt(file, KEYS.labels[group].category)
    // `checkGguf` refuses labels outside these types before anything relies on them.
    return risk && category ? { risk: risk as Safety[], category: category as Category[] } : null
  }
  const response = labels('response')
  const query = labels('query')
  const inner = scalarAt(file, KEYS.headSize, 'uint32')
  return response && query && inner !== null ? { inner, response, query } : null
}

/** Guard heads are in f32 (docs/gguf.md), and are multiplied by a kernel for them. */
function matrixTypes(file: GgufFile): string[] {
  const matrices = file.tensors.filter(({ name, shape }) => shape.length > 1 && !name.startsWith('cls.'))
  return [...new Set(matrices.map(({ type }) => type))].sort()
}

/** Type that the most bytes have. */
function commonestType(file: GgufFile): string {
  const bytes = new Map<string, number>()
  for (const tensor of file.tensors) bytes.set(tensor.type, (bytes.get(tensor.type) ?? 0) + tensor.bytes)
  let most = 'unknown'
  for (const [type, size] of bytes) if (size > (bytes.get(most) ?? 0)) most = type
  return most
}
