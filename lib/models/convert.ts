import type { FileHandle } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { NativeBinding, NativeGgufValue, NativeTensorInfo } from '../engine/binding.js'
import { loadBinding } from '../engine/binding.js'
import { atomicFile } from './atomic-file.js'
import { checkGguf } from './check.js'
import { readModelCard } from './checkpoint-card.js'
import type { CheckpointConfig } from './checkpoint-config.js'
import { readConfig } from './checkpoint-config.js'
import { brokenCheckpoint } from './checkpoint-json.js'
import { planTensors } from './checkpoint-tensors.js'
import { readTokenizer } from './checkpoint-tokenizer.js'
import { checkFinite } from './finite.js'
import { readGguf } from './gguf.js'
import { ARCHITECTURE, KEYS, SCHEMA_VERSION } from './metadata.js'
import type { HeadSizes } from './qwen3-tensors.js'
import type { CheckpointTensor } from './safetensors.js'
import { readCheckpoint, readRows } from './safetensors.js'

/** Types that `convertCheckpoint` writes matrices in. */
export type ConvertType = 'f32' | 'f16' | 'bf16' | 'q8_0'

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

/** Source bytes in memory at once; with the encoded copy less than 100 MB whatever the model's size. */
const SLAB_BYTES = 16 << 20
/** Bytes that each tensor's data are padded to: GGUF's default alignment. */
const ALIGNMENT = 32
/** llama.cpp's numbers for `general.file_type`. */
const FILE_TYPE_NUMBERS: Readonly<Record<ConvertType, number>> = { f32: 0, f16: 1, q8_0: 7, bf16: 32 }

/**
 * Converts a Hugging Face checkpoint of Qwen3Guard Gen or Stream to a GGUF file. docs/gguf.md describes
 * the result. The same checkpoint and options give the same bytes. Weights are read in slabs, so memory
 * stays bounded; `outPath` appears, complete and checked, or not at all.
 *
 * @param directory with config.json, tokenizer.json and one or more .safetensors files
 * @throws ModelFileError ERR_CHECKPOINT_INVALID naming the files, keys and tensors at fault
 * @throws ModelKindError a checkpoint of another architecture
 */
export async function convertCheckpoint(
  directory: string,
  outPath: string,
  options: ConvertOptions,
): Promise<ConvertReport> {
  const { type, signal } = options
  if (!Object.hasOwn(FILE_TYPE_NUMBERS, type)) {
    throw new TypeError(
      `type is ${JSON.stringify(type)}, expected ${Object.keys(FILE_TYPE_NUMBERS).join(', ')}`,
    )
  }
  signal?.throwIfAborted()
  const binding = loadBinding()
  const checkpoint = await readCheckpoint(directory)
  const config = await readConfig(directory, checkpoint)
  const plan = planTensors(directory, config, checkpoint)
  const tokenizer = await readTokenizer(directory, config.sizes.vocab, config)
  const notes = [...plan.notes, ...tokenizer.notes]
  if (config.variant === 'gen' && !tokenizer.metadata.some(({ key }) => key === 'tokenizer.chat_template')) {
    throw brokenCheckpoint(
      `${directory} has no chat template, which a Gen model cannot judge without: download chat_template.jinja or tokenizer_config.json too`,
    )
  }

  const infos = plan.tensors.map(
    ({ tensor }): NativeTensorInfo => ({
      name: tensor.name,
      type: tensor.f32 ? 'f32' : type,
      shape: [...tensor.shape],
    }),
  )
  if (type === 'q8_0') halveUneven(infos, notes)
  const metadata = [
    ...(await describe(directory, options)),
    ...architecture(config, plan.heads),
    ...tokenizer.metadata,
  ]
  const header = binding.ggufHeader(metadata, infos)

  const bytes = await atomicFile(resolve(outPath), async (handle, path) => {
    const written = await write(handle, binding, header, infos, plan.tensors, options)
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

/** Rows that Q8_0's blocks of 32 do not divide are written as f16. */
function halveUneven(infos: NativeTensorInfo[], notes: string[]): void {
  const uneven = infos.filter((info) => info.type === 'q8_0' && info.shape[0]! % 32 !== 0)
  for (const info of uneven) info.type = 'f16'
  if (uneven.length > 0) {
    const named = uneven.slice(0, 3).map(({ name }) => name)
    notes.push(
      `${uneven.length} tensors are f16, not q8_0: their rows are not a multiple of 32 (${named.join(', ')})`,
    )
  }
}

async function write(
  handle: FileHandle,
  binding: NativeBinding,
  header: Uint8Array,
  infos: readonly NativeTensorInfo[],
  tensors: readonly { source: CheckpointTensor }[],
  options: ConvertOptions,
): Promise<number> {
  let position = 0
  const append = async (data: Uint8Array) => {
    let done = 0
    while (done < data.length) {
      const { bytesWritten } = await handle.write(data, done, data.length - done, position + done)
      done += bytesWritten
    }
    position += data.length
  }
  await append(header)
  const total = tensors.reduce((sum, { source }) => sum + source.bytes, 0)
  let read = 0
  for (const [i, info] of infos.entries()) {
    const { source } = tensors[i]!
    for await (const slab of readRows(source, SLAB_BYTES, options.signal)) {
      checkFinite(slab, source, info.type)
      await append(
        source.type === info.type
          ? slab
          : await binding.encodeRows(slab, source.type, info.type, info.shape[0]!),
      )
      read += slab.length
      options.onProgress?.(read / total)
    }
    await append(new Uint8Array((ALIGNMENT - (position % ALIGNMENT)) % ALIGNMENT))
  }
  return position
}

async function describe(directory: string, options: ConvertOptions): Promise<NativeGgufValue[]> {
  const name = options.name ?? basename(resolve(directory))
  const values: NativeGgufValue[] = [
    { key: 'general.architecture', type: 'string', value: ARCHITECTURE },
    { key: 'general.type', type: 'string', value: 'model' },
    { key: 'general.name', type: 'string', value: name },
    ...(await readModelCard(directory)),
    { key: 'general.file_type', type: 'uint32', value: FILE_TYPE_NUMBERS[options.type] },
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
