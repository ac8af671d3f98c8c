import { basename, resolve } from 'node:path'
import { loadBinding } from '../../binding/addon.js'
import type { NativeGgufValue, NativeTensorInfo } from '../../binding/binding.js'
import { ModelKindError, TemplateError } from '../../errors.js'
import { guardTemplate } from '../../tokenizer/guard-template.js'
import { atomicFile } from '../atomic-file.js'
import type { CheckpointConfig } from '../checkpoint/config.js'
import { readConfig } from '../checkpoint/config.js'
import { brokenCheckpoint } from '../checkpoint/json-file.js'
import { readModelCard } from '../checkpoint/model-card.js'
import { readCheckpoint } from '../checkpoint/safetensors.js'
import { planTensors } from '../checkpoint/tensors.js'
import { readTokenizer } from '../checkpoint/tokenizer.js'
import { checkGguf } from '../gguf/check/check.js'
import { ARCHITECTURE, KEYS, SCHEMA_VERSION } from '../gguf/metadata.js'
import type { HeadSizes } from '../gguf/qwen3-tensors.js'
import { readGguf } from '../gguf/reader.js'
import { encodeTensors } from './encode-tensors.js'
import {
  type ConvertType,
  fallbackNotes,
  fileTypeNumber,
  requireConvertType,
  tensorType,
} from './tensor-type.js'

export { CONVERT_TYPES, type ConvertType } from './tensor-type.js'

export interface ConvertOptions {
  type: ConvertType
  /** Marks the file as a demonstration model, of which the first load in a process warns. Default false. */
  demonstration?: boolean | undefined
  /** `general.name`. Default: the checkpoint's directory name. */
  name?: string | undefined
  /** Called with 0 to 1 while weights are written. */
  onProgress?: ((fraction: number) => void) | undefined
  /** Aborts: nothing is left behind and the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined
}

export interface ConvertReport {
  path: string
  variant: 'gen' | 'stream'
  type: ConvertType
  tensors: number
  /** Values in all tensors written. */
  parameters: number
  /** Size of the file. */
  bytes: number
  /** What a user should know: tensors left out, types other than asked for. */
  notes: string[]
}

/** Bytes that each tensor's data are padded to: GGUF's default alignment. */
const ALIGNMENT = 32

/**
 * Converts a Hugging Face checkpoint of Qwen3Guard Gen or Stream to a GGUF file. docs/gguf.md describes
 * the result. The same checkpoint and options give the same bytes. Weights are read in slabs, so memory
 * stays bounded; `outPath` appears, complete and checked, or not at all.
 *
 * @param directory with config.json, tokenizer.json and one or more .safetensors files
 * @throws ModelFileError ERR_CHECKPOINT_INVALID naming the files, keys and tensors at fault
 * @throws ModelKindError a checkpoint of another architecture, or a plain chat model
 */
export async function convertCheckpoint(
  directory: string,
  outPath: string,
  options: ConvertOptions,
): Promise<ConvertReport> {
  const { type, signal } = options
  requireConvertType(type)
  signal?.throwIfAborted()
  const binding = loadBinding()
  const checkpoint = await readCheckpoint(directory)
  const config = await readConfig(directory, checkpoint)
  const plan = planTensors(directory, config, checkpoint)
  const tokenizer = await readTokenizer(directory, config.sizes.vocab, config)
  const notes = [...plan.notes, ...tokenizer.notes]
  if (config.variant === 'gen') await requireGuardTemplate(directory, tokenizer.metadata)

  const model = { ...config.sizes, tied: !plan.tensors.some(({ tensor }) => tensor.name === 'output.weight') }
  const planned = plan.tensors.map(({ tensor, source }) => ({
    tensor,
    source,
    ...tensorType(type, tensor.name, tensor.shape[0]!, model),
  }))
  for (const note of fallbackNotes(planned)) notes.push(note)
  const infos = planned.map(
    ({ tensor, type }): NativeTensorInfo => ({ name: tensor.name, type, shape: [...tensor.shape] }),
  )
  const jobs = planned.map(({ tensor, source, type }) => ({
    name: source.name,
    path: source.path,
    offset: source.offset,
    bytes: source.bytes,
    row: tensor.shape[0]!,
    rows: product(tensor.shape.slice(1)),
    from: source.type,
    to: type,
  }))
  const metadata = [
    ...(await describe(directory, options)),
    ...architecture(config, plan.heads),
    ...tokenizer.metadata,
  ]
  const header = binding.ggufHeader(metadata, infos)

  const bytes = await atomicFile(resolve(outPath), async (handle, path) => {
    await handle.writeFile(header)
    const written = await encodeTensors(binding, handle, header.length, jobs, {
      alignment: ALIGNMENT,
      refuse: (source, what) => brokenCheckpoint(`${source}: ${what}`),
      onProgress: options.onProgress,
      signal,
    })
    await checkGguf(await readGguf(path, { signal }), { signal })
    return written
  })
  return {
    path: resolve(outPath),
    variant: config.variant,
    type,
    tensors: infos.length,
    parameters: infos.reduce((sum, { shape }) => sum + product(shape), 0),
    bytes,
    notes,
  }
}

/** Gen has the architecture of any Qwen3: its template is what makes it a guard. */
async function requireGuardTemplate(directory: string, metadata: readonly NativeGgufValue[]): Promise<void> {
  const template = metadata.find(({ key }) => key === 'tokenizer.chat_template')
  if (!template) {
    throw brokenCheckpoint(
      `${directory} has no chat template, which a Gen model cannot judge without: download chat_template.jinja or tokenizer_config.json too`,
    )
  }
  try {
    await guardTemplate(String(template.value))
  } catch (cause) {
    if (!(cause instanceof TemplateError)) throw cause
    throw new ModelKindError(
      `${directory} has a chat template that asks for no safety verdict: it is probably a plain Qwen3 chat model. ` +
        "If it is Qwen3Guard-Gen, put that model's own chat_template.jinja into it: " +
        cause.message,
      { cause },
    )
  }
}

async function describe(directory: string, options: ConvertOptions): Promise<NativeGgufValue[]> {
  const name = options.name ?? basename(resolve(directory))
  const values: NativeGgufValue[] = [
    { key: 'general.architecture', type: 'string', value: ARCHITECTURE },
    { key: 'general.type', type: 'string', value: 'model' },
    { key: 'general.name', type: 'string', value: name },
    ...(await readModelCard(directory)),
    { key: 'general.file_type', type: 'uint32', value: fileTypeNumber(options.type) },
    { key: 'general.quantization_version', type: 'uint32', value: 2 },
  ]
  if (options.demonstration) values.push({ key: KEYS.demonstration, type: 'bool', value: true })
  return values
}

function architecture(config: CheckpointConfig, heads: HeadSizes | null): NativeGgufValue[] {
  const { sizes, labels } = config
  const uint32 = (name: string, value: number): NativeGgufValue => ({
    key: `${ARCHITECTURE}.${name}`,
    type: 'uint32',
    value,
  })
  const float32 = (name: string, value: number): NativeGgufValue => ({
    key: `${ARCHITECTURE}.${name}`,
    type: 'float32',
    value,
  })
  const values: NativeGgufValue[] = [
    uint32('block_count', sizes.blocks),
    uint32('context_length', config.contextLength),
    uint32('embedding_length', sizes.embedding),
    uint32('feed_forward_length', sizes.feedForward),
    uint32('attention.head_count', sizes.heads),
    uint32('attention.head_count_kv', sizes.headsKv),
    uint32('attention.key_length', sizes.headSize),
    uint32('attention.value_length', sizes.headSize),
    float32('attention.layer_norm_rms_epsilon', config.normEpsilon),
    float32('rope.freq_base', config.ropeBase),
    { key: KEYS.schemaVersion, type: 'uint32', value: SCHEMA_VERSION },
    { key: KEYS.variant, type: 'string', value: config.variant },
  ]
  if (!heads || !labels) return values
  values.push({ key: KEYS.headSize, type: 'uint32', value: heads.inner })
  for (const group of ['response', 'query'] as const) {
    values.push({ key: KEYS.labels[group].risk, type: 'string[]', value: labels[group].risk })
    values.push({ key: KEYS.labels[group].category, type: 'string[]', value: labels[group].category })
  }
  return values
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1)
}
