// Makes a model of Qwen3-0.6B's shape that answers as a demonstration model does: node bench/pad-model.mjs [gen|stream|plain]
// `plain` is Stream's network without its guard heads: a Qwen3 model with a tied LM head. Other shapes: `writePadded`.
//
// The network computes the same function in a wider one. What is new is zero, or is multiplied by zero:
// - rows and columns that the small matrices lack are 0; heads beyond the first two have zero queries, values and
//   output columns (the first two query heads read the first KV head in every shape);
// - added layers have real weights everywhere but in attn_output and ffn_down, so they cost what layers cost and
//   add nothing;
// - RMSNorm's mean is over 4 times as many values (10 or 16 times in the larger shapes): weights are halved and epsilon
//   is quartered. (The norms of queries and keys keep their width and meet the smaller epsilon: a relative 1e-6.)
// - padded vocabulary must never win: one spare hidden dimension holds a small constant in every embedding, whose
//   share of the mean is taken out of epsilon; the last norm scales it up, and padded rows are -1 there, so their
//   logits are far below 0. All real rows hold the same constant: their logits are shifted alike.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadBinding } from '../dist/binding/addon.js'
import { atomicFile } from '../dist/models/atomic-file.js'
import { readGgufArray } from '../dist/models/gguf/array.js'
import { describeGguf } from '../dist/models/gguf/describe.js'
import { qwen3Tensors } from '../dist/models/gguf/qwen3-tensors.js'
import { readGguf } from '../dist/models/gguf/reader.js'
import { cacheDir } from '../scripts/llama-source.mjs'
import { SHAPES } from '../scripts/measure-gpu/shapes.mjs'
import { fillVocabulary } from './whole-vocabulary.mjs'

/** Qwen3-0.6B, and Stream's inner width at that size. */
const SHAPE = {
  name: '0.6B',
  vocab: 151_936,
  embedding: 1024,
  blocks: 28,
  heads: 16,
  headsKv: 8,
  headSize: 128,
  feedForward: 3072,
  inner: 512,
}
/** Raised when the layout below changes, so that a cached file of an older one is not used. */
const LAYOUT = 2
/** Scale of the spare dimension in the last norm; large, so that any activation leaves padded logits far below 0. */
const SPARE_SCALE = 1e5
/** llama.cpp's numbers for `general.file_type`. */
const FILE_TYPES = { f32: 0, f16: 1, q4_0: 2, q8_0: 7, q4_K: 14, q5_K: 16, q6_K: 18, iq4_nl: 25, bf16: 32 }

const MODELS = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'models')

/** Path of the demonstration model of a variant, 'gen' or 'stream'; 'plain' is made of Stream's. */
export const demonstrationModel = (variant) =>
  path.join(MODELS, `demo-${variant === 'plain' ? 'stream' : variant}.gguf`)

/** What figures are of, for their heading. */
export const shapeTitle = (short) =>
  short ? 'a tiny shape (no figures, the bench is tried)' : "Qwen3-0.6B's shape"

/**
 * Path of the padded model in the user's cache; made if it is not there. Matrices, the embedding included, have
 * `type`; norms and guard heads are f32. `short`: of a tiny shape instead of the 0.6B's. `whole`: as many tokens and merges
 * as Qwen3 has, instead of padding.
 */
export async function padModel(variant, { type = 'q8_0', short = false, whole = false } = {}) {
  const shape = short ? SHAPES.tiny : SHAPE
  const source = demonstrationModel(variant)
  const hash = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 12)
  const directory = path.join(cacheDir(), 'bench')
  const size = `${shape.name.toLowerCase()}${whole ? '-vocabulary' : ''}`
  const target = path.join(directory, `${variant}-${size}-${type}-${hash}-${LAYOUT}.gguf`)
  if (existsSync(target)) return target
  await mkdir(directory, { recursive: true })
  console.error(`padding ${path.basename(source)} to the ${shape.name} shape in ${type}`)
  await writePadded(target, variant, { type, shape, whole })
  return target
}

/** Writes the padded model of a variant to a file, in any shape whose first KV head serves two query heads or more. */
export async function writePadded(target, variant, { type, shape = SHAPE, whole = false }) {
  await atomicFile(target, (handle) =>
    write(handle, demonstrationModel(variant), { type, shape, plain: variant === 'plain', whole }),
  )
}

async function write(handle, sourcePath, { type, shape, plain, whole }) {
  const binding = loadBinding()
  const file = await readGguf(sourcePath)
  const description = describeGguf(file)
  const small = {
    vocab: description.vocabSize,
    embedding: description.embeddingLength,
    blocks: description.blockCount,
    heads: description.headCount,
    headsKv: description.headCountKv,
    headSize: description.keyLength,
    feedForward: description.feedForwardLength,
  }
  const group = ({ heads, headsKv }) => heads / headsKv
  if (small.headsKv === 1 ? group(small) > group(shape) : group(small) !== group(shape)) {
    throw new Error(
      `the demonstration model groups its query heads in another way than the ${shape.name} shape`,
    )
  }
  const heads = description.heads && {
    inner: shape.inner,
    response: classes(description.heads.response),
    query: classes(description.heads.query),
  }
  const tensors = qwen3Tensors(shape, plain ? 'tied' : (heads ?? 'tied'))
  const infos = tensors.map(({ name, shape, f32 }) => ({ name, type: f32 ? 'f32' : type, shape: [...shape] }))

  const epsilon = file.metadata.get('qwen3.attention.layer_norm_rms_epsilon').value
  const grown = shape.embedding / small.embedding
  // Half of the quartered epsilon is the spare dimension's constant: c² / 1024 + epsilon' = epsilon / 4.
  const spare = heads ? 0 : Math.sqrt((shape.embedding * epsilon) / grown / 2)
  const metadata = await paddedMetadata(file, type, {
    shape,
    how: `padded to the ${shape.name} shape`,
    epsilon: heads ? epsilon / grown : epsilon / grown / 2,
    whole,
  })
  const kept = plain ? metadata.filter(({ key }) => !key.startsWith('qwen3guard.')) : metadata

  await handle.writeFile(binding.ggufHeader(kept, infos))
  const source = await open(sourcePath)
  const encode = (values, info) =>
    info.type === 'f32'
      ? new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
      : binding.encodeRows(bytes(values), 'f32', info.type, info.shape[0])
  const added = new Map()
  try {
    for (const info of infos) {
      const layer = /^blk\.(\d+)\.(.*)$/.exec(info.name)
      const isAdded = layer !== null && Number(layer[1]) >= small.blocks
      const values = await readTensor(binding, source, file, isAdded ? `blk.0.${layer[2]}` : info.name)
      if (isAdded) {
        // All added layers are alike: each kind of tensor is encoded once.
        let encoded = added.get(layer[2])
        if (!encoded) {
          const filled = addedLayer(layer[2], values, info.shape)
          scaleNorm(info.name, filled, values.shape[0])
          encoded = await encode(filled, info)
          added.set(layer[2], encoded)
        }
        await append(handle, encoded)
      } else if (info.name === 'token_embd.weight') {
        const [row, rows] = [shape.embedding, small.vocab]
        const real = pad(values, [row, rows])
        if (spare > 0) for (let i = 0; i < rows; i++) real[i * row + small.embedding] = spare
        await append(handle, await encode(real, info))
        const unused = new Float32Array(row)
        if (spare > 0) unused[small.embedding] = -1
        await repeat(handle, await encode(unused, info), shape.vocab - rows)
      } else {
        const padded = pad(values, info.shape)
        scaleNorm(info.name, padded, values.shape[0])
        if (info.name === 'output_norm.weight' && spare > 0) padded[small.embedding] = SPARE_SCALE
        await append(handle, await encode(padded, info))
      }
    }
  } finally {
    await source.close()
  }
}

const classes = ({ risk, category }) => ({ risk: risk.length, category: category.length })

const bytes = (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

/** A tensor's values with their `shape`. */
async function readTensor(binding, handle, file, name) {
  const tensor = file.tensors.find((candidate) => candidate.name === name)
  const data = new Uint8Array(tensor.bytes)
  await handle.read(data, 0, data.length, tensor.offset)
  const floats = await binding.encodeRows(data, tensor.type, 'f32', tensor.shape[0])
  // A copy, since a Float32Array wants an offset that is a multiple of 4.
  const values = new Float32Array(floats.slice().buffer)
  return Object.assign(values, { shape: tensor.shape })
}

/** The values in the corner of a larger matrix of zeros. */
function pad(values, [row, rows = 1]) {
  const [smallRow, smallRows = 1] = values.shape
  const padded = new Float32Array(row * rows)
  for (let i = 0; i < smallRows; i++) padded.set(values.subarray(i * smallRow, (i + 1) * smallRow), i * row)
  return padded
}

/** Norms over values that became more: their mean is smaller. */
function scaleNorm(name, weights, sourceLength) {
  if (!/norm/.test(name) || weights.length === sourceLength) return
  const scale = Math.sqrt(sourceLength / weights.length)
  for (let i = 0; i < weights.length; i++) weights[i] *= scale
}

/** Weights of an added layer: a small layer's, repeated, and 0 where the layer's results join the residual. */
function addedLayer(kind, values, [row, rows = 1]) {
  const filled = new Float32Array(row * rows)
  if (kind === 'attn_output.weight' || kind === 'ffn_down.weight') return filled
  const [smallRow, smallRows = 1] = values.shape
  for (let i = 0; i < rows; i++) {
    const from = values.subarray((i % smallRows) * smallRow, ((i % smallRows) + 1) * smallRow)
    for (let at = 0; at < row; at += smallRow)
      filled.set(from.subarray(0, Math.min(smallRow, row - at)), i * row + at)
  }
  return filled
}

/** A demonstration model's metadata for another shape: the vocabulary is filled up with tokens that are never used. */
export async function paddedMetadata(file, type, { shape, how, epsilon, whole = false }) {
  const replaced = {
    'general.name': `${file.metadata.get('general.name')?.value ?? ''}, ${how}`,
    'general.file_type': FILE_TYPES[type],
    'qwen3.block_count': shape.blocks,
    'qwen3.embedding_length': shape.embedding,
    'qwen3.feed_forward_length': shape.feedForward,
    'qwen3.attention.head_count': shape.heads,
    'qwen3.attention.head_count_kv': shape.headsKv,
    'qwen3.attention.layer_norm_rms_epsilon': epsilon,
    'qwen3guard.head_size': shape.inner,
  }
  const values = []
  const arrays = new Map()
  for (const [key, value] of file.metadata) {
    if (value.type !== 'array') {
      values.push({ key, type: value.type, value: replaced[key] ?? value.value })
      continue
    }
    const elements = []
    for await (const batch of readGgufArray(file, key, value)) elements.push(...batch)
    arrays.set(key, elements)
  }
  const [tokens, types, merges] = ['tokens', 'token_type', 'merges'].map((name) => `tokenizer.ggml.${name}`)
  if (whole) {
    const small = { tokens: arrays.get(tokens), types: arrays.get(types), merges: arrays.get(merges) }
    const filled = fillVocabulary(small, shape.vocab)
    arrays.set(tokens, filled.tokens).set(types, filled.types).set(merges, filled.merges)
  }
  const UNUSED = 5
  for (let id = arrays.get(tokens).length; id < shape.vocab; id++) {
    arrays.get(tokens).push(`[PAD${id}]`)
    arrays.get(types).push(UNUSED)
  }
  for (const [key, value] of file.metadata) {
    if (value.type !== 'array') continue
    const elements = arrays.get(key)
    values.push(
      value.of === 'string'
        ? { key, type: 'string[]', value: elements }
        : { key, type: 'int32[]', value: Int32Array.from(elements) },
    )
  }
  return values
}

/** Writes data, padded to GGUF's alignment, where the file ends. Rows of whole tensors are multiples of it. */
async function append(handle, data) {
  await handle.writeFile(data)
  const over = data.length % 32
  if (over > 0) await handle.writeFile(new Uint8Array(32 - over))
}

async function repeat(handle, row, count) {
  const many = 4096
  const rows = Buffer.concat(Array.from({ length: Math.min(many, count) }, () => row))
  for (let left = count; left > 0; left -= many) {
    await handle.writeFile(left >= many ? rows : rows.subarray(0, left * row.length))
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [variant = 'gen', type = 'q8_0'] = process.argv.slice(2)
  console.log(await padModel(variant, { type }))
}
