import { defaultMemory } from '../engine/load.js'
import type { MemoryNeed } from '../engine/memory.js'
import { AddonLoadError, ModelFileError, TemplateError } from '../errors.js'
import type { HeadLabels } from '../labels.js'
import { readGgufArray } from '../models/gguf/array.js'
import { ggufProblems, otherKind } from '../models/gguf/check/check.js'
import type { ModelDescription } from '../models/gguf/describe.js'
import { describeGguf } from '../models/gguf/describe.js'
import { countAt, scalarAt } from '../models/gguf/metadata.js'
import type { GgufFile, GgufScalar, GgufScan, GgufValue } from '../models/gguf/reader.js'
import { scanGguf } from '../models/gguf/reader.js'
import { partsOf, readModelHeader } from '../models/gguf/split.js'
import { licenceOf } from '../models/licence.js'
import { ChatTemplate } from '../tokenizer/chat-template.js'
import { guardTemplate } from '../tokenizer/guard-template.js'

/** What `qwen3guard inspect` prints: a GGUF's header and what is wrong with the file. */
export interface Inspection {
  path: string
  sizeBytes: number
  version: number
  variant: 'gen' | 'stream' | null
  architecture: string
  name: string | null
  license: string | null
  /** What it was made from, such as `Qwen/Qwen3-0.6B`. */
  baseModel: string | null
  fileType: string
  parameters: number
  /** Of all weights, norms and heads included, on average. */
  bitsPerWeight: number
  demonstration: boolean
  /** The network's sizes; 0 where the header does not say. `context`: positions it was trained for. */
  shape: Record<'context' | 'embedding' | 'blocks' | 'heads' | 'headsKv' | 'headSize' | 'feedForward', number>
  /** Scalars as they are; long strings and arrays abbreviated. 64-bit integers are decimal strings. */
  metadata: Record<string, InspectedValue>
  /** By type, the largest first. */
  tensors: { type: string; count: number; bytes: number }[]
  tensorCount: number
  labels: HeadLabels | null
  tokenizer: {
    model: string | null
    pre: string | null
    tokens: number
    merges: number
    /** Added tokens, and those of them that text can write in spite of this package: llama.cpp's type 4. */
    added: { control: number; userDefined: number }
  }
  /** In UTF-16 units. */
  template: { kind: TemplateKind | null; length: number }
  /** Class that loads the file; null if this package refuses it. */
  guard: 'GenGuard' | 'StreamGuard' | null
  /** What that takes with default options, in bytes. */
  memory: MemoryNeed | null
  /** Why the guard would not take the file's own chat template. It loads the file with another one. */
  templateProblem: string | null
  /** Why this package would refuse the file; empty for a sound one. */
  problems: string[]
}

/**
 * What a chat template is for: `gen` asks for a safety verdict, `qwen3` opens an answer as Stream is trained on,
 * `broken` does not compile or render.
 */
export type TemplateKind = 'gen' | 'qwen3' | 'other' | 'broken'

type InspectedValue =
  | string
  | number
  | boolean
  | { array: string; count: number; first: (string | number | boolean)[] }

const LONGEST_STRING = 200
const FIRST_ELEMENTS = 9

/**
 * Reads a GGUF's header for people, without weights. A broken file is described as far as it can be
 * read; its defects are in `problems`.
 *
 * @throws ModelFileError if the file is missing, cannot be opened or is not a GGUF at all
 */
export async function inspectGguf(
  path: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Inspection> {
  const scan = await scanGguf(path, options)
  const { file, error } = await withOtherParts(scan, options)
  if (error && file.version === 0) throw error
  const description = describeGguf(file)
  const problems = error ? [error.message] : await problemsOf(file, options)
  const variant = description.variant ?? 'gen'
  const template = await renderedKind(description.chatTemplate)
  const { parameters } = description
  const sound = problems.length === 0
  return {
    path,
    sizeBytes: file.size,
    version: file.version,
    variant: description.variant,
    architecture: description.architecture,
    name: description.name,
    license: licenceOf(path, description.license),
    baseModel: baseModel(file),
    fileType: description.fileType,
    parameters,
    bitsPerWeight: (8 * file.tensors.reduce((sum, { bytes }) => sum + bytes, 0)) / Math.max(1, parameters),
    demonstration: description.demonstration,
    shape: {
      context: description.contextLength,
      embedding: description.embeddingLength,
      blocks: description.blockCount,
      heads: description.headCount,
      headsKv: description.headCountKv,
      headSize: description.keyLength,
      feedForward: description.feedForwardLength,
    },
    metadata: Object.fromEntries([...file.metadata].map(([key, value]) => [key, abbreviate(value)])),
    tensors: byType(file),
    tensorCount: file.tensors.length,
    labels: description.heads,
    tokenizer: {
      model: scalarAt(file, 'tokenizer.ggml.model', 'string'),
      pre: scalarAt(file, 'tokenizer.ggml.pre', 'string'),
      tokens: countAt(file, 'tokenizer.ggml.tokens'),
      merges: countAt(file, 'tokenizer.ggml.merges'),
      added: sound ? await addedTokens(file, options.signal) : { control: 0, userDefined: 0 },
    },
    template: { kind: template.kind, length: description.chatTemplate?.length ?? 0 },
    guard: sound ? (variant === 'gen' ? 'GenGuard' : 'StreamGuard') : null,
    memory: sound ? memoryOf(description, variant) : null,
    templateProblem: sound ? await templateProblem(description, variant, template) : null,
    problems,
  }
}

/** The whole model where the file is one part of it; without the others, the part, and what is amiss. */
async function withOtherParts(
  scan: GgufScan,
  options: { signal?: AbortSignal | undefined },
): Promise<GgufScan> {
  if (scan.error || partsOf(scan.file) <= 1) return scan
  try {
    return { file: await readModelHeader(scan.file.path, options), error: null }
  } catch (error) {
    if (!(error instanceof ModelFileError)) throw error
    return { file: scan.file, error }
  }
}

async function problemsOf(file: GgufFile, options: { signal?: AbortSignal | undefined }): Promise<string[]> {
  const other = otherKind(file)
  if (other) return [other]
  try {
    return await ggufProblems(file, options)
  } catch (error) {
    if (!(error instanceof ModelFileError)) throw error
    return [error.message]
  }
}

function baseModel(file: GgufFile): string | null {
  const at = (key: string) => scalarAt(file, `general.base_model.0.${key}`, 'string')
  const name = at('name')
  const organization = at('organization')
  return name && organization ? `${organization}/${name}` : name
}

async function addedTokens(
  file: GgufFile,
  signal: AbortSignal | undefined,
): Promise<Inspection['tokenizer']['added']> {
  const key = 'tokenizer.ggml.token_type'
  const types = file.metadata.get(key)
  const added = { control: 0, userDefined: 0 }
  if (types?.type !== 'array') return added
  for await (const batch of readGgufArray(file, key, types, signal)) {
    for (const type of batch) {
      if (type === 3) added.control++
      if (type === 4) added.userDefined++
    }
  }
  return added
}

function memoryOf(description: ModelDescription, variant: 'gen' | 'stream'): MemoryNeed | null {
  try {
    return defaultMemory(description, variant)
  } catch (error) {
    // It depends on what this build does with the weights; a header can be shown without one.
    if (error instanceof AddonLoadError) return null
    throw error
  }
}

const ANSWER = '<|im_start|>assistant\n<think>\n\n</think>\n\n'

async function renderedKind(
  source: string | null,
): Promise<{ kind: TemplateKind | null; failure: string | null }> {
  if (source === null) return { kind: null, failure: null }
  try {
    const options = { add_generation_prompt: true, enable_thinking: false }
    const { text } = await new ChatTemplate(source).render([{ role: 'user', content: '' }], [], options)
    if (text.includes('Safety:') && text.includes('Categories:')) return { kind: 'gen', failure: null }
    return { kind: text.endsWith(ANSWER) ? 'qwen3' : 'other', failure: null }
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return { kind: 'broken', failure: error.message }
  }
}

async function templateProblem(
  { chatTemplate, name }: ModelDescription,
  variant: 'gen' | 'stream',
  { kind, failure }: { kind: TemplateKind | null; failure: string | null },
): Promise<string | null> {
  if (variant === 'stream') {
    if (kind === 'qwen3') return null
    const what = kind === null ? 'there is no chat template' : "the chat template is not Qwen3's"
    return `${what}: give Qwen3's with the option \`chatTemplate\` (command line: \`--chat-template FILE\`)`
  }
  if (kind === 'gen' || failure !== null) return failure
  try {
    await guardTemplate(chatTemplate, name)
    return null
  } catch (error) {
    return (error as Error).message
  }
}

function byType(file: GgufFile): Inspection['tensors'] {
  const types = new Map<string, { type: string; count: number; bytes: number }>()
  for (const { type, bytes } of file.tensors) {
    const sum = types.get(type) ?? { type, count: 0, bytes: 0 }
    sum.count++
    sum.bytes += bytes
    types.set(type, sum)
  }
  return [...types.values()].sort((a, b) => b.bytes - a.bytes)
}

function abbreviate(value: GgufValue): InspectedValue {
  if (value.type !== 'array') return abbreviateScalar(value.value)
  const first = (value.values ?? []).slice(0, FIRST_ELEMENTS).map(abbreviateScalar)
  return { array: value.of, count: value.count, first }
}

function abbreviateScalar(value: GgufScalar): string | number | boolean {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'string' || value.length <= LONGEST_STRING) return value
  return `${value.slice(0, LONGEST_STRING)}… (${value.length} characters)`
}
