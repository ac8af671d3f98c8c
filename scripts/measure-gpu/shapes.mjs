// The official models' shapes, and how much of each is measured.

const GUARD = { vocab: 151_936, headSize: 128, headsKv: 8, inner: 512 }

/** Rows of the table of many streams: what each stream holds, and how many there are. */
const MANY = [
  { positions: 64, streams: [1, 16, 64, 256] },
  { positions: 512, streams: [1, 16, 64, 256] },
]

/** `counts`: pushes measured of one token and of sixteen. */
export const SHAPES = {
  // Small enough for every part to run on a CPU in seconds: for trying this script, not for figures.
  tiny: {
    ...{ name: 'tiny', vocab: 16_384, embedding: 512, blocks: 5, heads: 8, headsKv: 2, headSize: 128 },
    ...{ feedForward: 1024, inner: 512 },
    counts: { 1: 30, 16: 10 },
    positions: [64, 128],
    many: [{ positions: 48, streams: [1, 16] }],
    deep: { positions: 128, streams: [1, 4] },
    paced: { streams: 16, seconds: 2 },
    gen: { one: 6, many: 16, rounds: 2 },
  },
  '0.6b': {
    ...{ name: '0.6B', embedding: 1024, blocks: 28, heads: 16, feedForward: 3072, ...GUARD },
    counts: { 1: 300, 16: 150 },
    positions: [64, 512, 4096],
    many: MANY,
    deep: { positions: 4096, streams: [1, 16, 32] },
    paced: { streams: 256, seconds: 6 },
    gen: { one: 60, many: 64, rounds: 5 },
  },
  '4b': {
    ...{ name: '4B', embedding: 2560, blocks: 36, heads: 32, feedForward: 9728, ...GUARD },
    counts: { 1: 150, 16: 80 },
    positions: [64, 512, 4096],
    many: [MANY[0]],
    deep: { positions: 4096, streams: [1, 16] },
    paced: { streams: 256, seconds: 5 },
    gen: { one: 40, many: 64, rounds: 3 },
  },
  '8b': {
    ...{ name: '8B', embedding: 4096, blocks: 36, heads: 32, feedForward: 12_288, ...GUARD },
    counts: { 1: 120, 16: 60 },
    positions: [64, 512, 4096],
    many: [MANY[0]],
    deep: { positions: 4096, streams: [1, 16] },
    paced: { streams: 256, seconds: 5 },
    gen: { one: 30, many: 64, rounds: 3 },
  },
}

const BYTES = { f32: 4, f16: 2, q8_0: 34 / 32 }

/** Bytes of a model's file, nearly. */
export function fileBytes({ vocab, embedding, blocks, heads, headsKv, headSize, feedForward }, type) {
  const attention = embedding * headSize * (2 * heads + 2 * headsKv)
  return BYTES[type] * (vocab * embedding + blocks * (attention + 3 * embedding * feedForward))
}

/** KV bytes of one position in f16: keys and values of every layer. */
export const kvBytes = ({ blocks, headsKv, headSize }) => blocks * headsKv * headSize * 2 * 2

/**
 * Bytes that decoding tokens of one sequence reads at least: every weight but the embedding, of which it needs a few
 * rows, and the KV cache in f16. `tied`: the embedding is the LM head too.
 */
export function bytesRead(shape, type, { positions, tied = false }) {
  const { vocab, embedding, inner } = shape
  const head = 2 * inner * embedding * 4
  const weights = fileBytes(shape, type) - BYTES[type] * vocab * embedding
  return weights + (tied ? BYTES[type] * vocab * embedding : head) + positions * kvBytes(shape)
}
