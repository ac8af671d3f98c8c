// Writes a Stream model of random weights in any shape: every layer computes with values of an ordinary size, as no
// padded model's does. A few MB are encoded once and repeated, shifted against the rows, so that rows and tensors differ.
import { demonstrationModel, paddedMetadata } from '../../bench/pad-model.mjs'
import { loadBinding } from '../../dist/binding/addon.js'
import { atomicFile } from '../../dist/models/atomic-file.js'
import { describeGguf } from '../../dist/models/gguf/describe.js'
import { qwen3Tensors } from '../../dist/models/gguf/qwen3-tensors.js'
import { readGguf } from '../../dist/models/gguf/reader.js'

/** As checkpoints are initialised; the last matrices of the heads larger, so that probabilities are not all alike. */
const [DEVIATION, HEAD_DEVIATION] = [0.02, 0.1]
/** Values of a tile: whole blocks of every type, and no multiple of any row. */
const TILE = 2 ** 21 + 37 * 32
/** Bytes written at a time. */
const CHUNK = 64 * 2 ** 20
/** Blocks of 32 values by which the tile is shifted from tensor to tensor. */
const SHIFT = 1009

export async function writeRandom(target, { type, shape }) {
  const binding = loadBinding()
  const file = await readGguf(demonstrationModel('stream'))
  const { heads } = describeGguf(file)
  const classes = ({ risk, category }) => ({ risk: risk.length, category: category.length })
  const tensors = qwen3Tensors(shape, {
    inner: shape.inner,
    response: classes(heads.response),
    query: classes(heads.query),
  })
  const infos = tensors.map(({ name, shape, f32 }) => ({ name, type: f32 ? 'f32' : type, shape: [...shape] }))
  const metadata = await paddedMetadata(file, type, {
    shape,
    how: `random weights in the ${shape.name} shape`,
    epsilon: file.metadata.get('qwen3.attention.layer_norm_rms_epsilon').value,
  })

  const values = gaussian(TILE, DEVIATION)
  const tile = await binding.encodeRows(new Uint8Array(values.buffer), 'f32', type, 32)
  const times = Math.ceil(CHUNK / tile.length) + 1
  const tiles = Buffer.concat(Array.from({ length: times }, () => tile))
  const block = binding.rowBytes(type, 32)

  await atomicFile(target, async (handle) => {
    await handle.writeFile(binding.ggufHeader(metadata, infos))
    for (const [i, info] of infos.entries()) {
      const count = info.shape.reduce((product, length) => product * length, 1)
      if (info.type === 'f32') {
        await handle.writeFile(new Uint8Array(small(info.name, count).buffer))
        continue
      }
      let at = (i * SHIFT * block) % tile.length
      for (let left = (count / 32) * block; left > 0; ) {
        const bytes = Math.min(left, CHUNK)
        await handle.writeFile(tiles.subarray(at, at + bytes))
        at = (at + bytes) % tile.length
        left -= bytes
      }
    }
  })
}

/** Norms, and the guard heads' matrices. */
function small(name, count) {
  if (/norm/.test(name)) return new Float32Array(count).fill(1)
  return gaussian(count, name.startsWith('cls.output') ? HEAD_DEVIATION : DEVIATION)
}

const random = mulberry32(20_251)

function gaussian(count, deviation) {
  const values = new Float32Array(count)
  for (let i = 0; i < count; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random()))
    const angle = 2 * Math.PI * random()
    values[i] = radius * Math.cos(angle)
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle)
  }
  return values
}

/** A small generator with a seed: the same models everywhere. */
export function mulberry32(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
