import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from '../../lib/engine/engine.js'
import { Model } from '../../lib/engine/model.js'
import type { Sequence } from '../../lib/engine/sequence.js'
import { convertCheckpoint } from '../../lib/models/convert/convert.js'
import type { StreamGolden } from '../support/fixtures.js'
import {
  argmax,
  checkpointPath,
  exactEngine,
  range,
  readGolden,
  STREAM_CHECKPOINTS,
  seeded,
  softmaxGroups,
} from '../support/fixtures.js'
import { GPU, near } from '../support/gpu.js'
import { temporaryDirectory } from '../support/temporary.js'

/** Head outputs a position: response risk and category, query risk and category. */
const SIZES = [3, 8, 3, 9]
const WIDTH = 23
const TOLERANCE = near(1e-4)

const directory = temporaryDirectory()

describe.each(STREAM_CHECKPOINTS)('%s against transformers', (name) => {
  const golden = readGolden<StreamGolden>(name)
  const longest = golden.sequences.findIndex(({ ids }) => ids.length > 256)
  let model: Model
  let engine: Engine

  beforeAll(async () => {
    const path = join(directory, `${name}.gguf`)
    await convertCheckpoint(checkpointPath(name), path, { type: 'f32' })
    model = await Model.load(path, { gpu: GPU })
    engine = await Engine.create(model, exactEngine())
  })
  afterAll(async () => {
    await engine?.close()
    model?.close()
  })

  /** Feeds `ids` in the given chunks; every position's probabilities. */
  async function feed(
    sequence: Sequence,
    ids: readonly number[],
    chunks: readonly number[],
  ): Promise<number[][][]> {
    const all: number[][][] = []
    let done = 0
    for (const length of chunks) {
      const tokens = Int32Array.from(ids.slice(done, done + length))
      const { heads } = await sequence.decodeHeads(tokens, { read: range(length) })
      expect(heads.length).toBe(length * WIDTH)
      for (let i = 0; i < length; i++)
        all.push(softmaxGroups(heads.subarray(i * WIDTH, (i + 1) * WIDTH), SIZES))
      done += length
    }
    return all
  }

  async function alone(
    ids: readonly number[],
    chunks: readonly number[] = [ids.length],
  ): Promise<number[][][]> {
    const sequence = await engine.acquire({ cells: ids.length })
    try {
      return await feed(sequence, ids, chunks)
    } finally {
      sequence.release()
    }
  }

  function expectGolden(came: readonly number[][][], index: number): void {
    const { ids, response, query } = golden.sequences[index]!
    expect(came).toHaveLength(ids.length)
    let worst = 0
    for (const [position, groups] of came.entries()) {
      const expected = [response.risk, response.category, query.risk, query.category].map(
        (rows) => rows[position]!,
      )
      for (const [group, values] of expected.entries()) {
        expect(groups[group]).toHaveLength(values.length)
        for (const [i, value] of values.entries())
          worst = Math.max(worst, Math.abs(groups[group]![i]! - value))
        // An argmax is comparable where the two greatest are further apart than the tolerance.
        const [first, second] = [...values].sort((a, b) => b - a)
        if (first! - second! > 2 * TOLERANCE) expect(argmax(groups[group]!)).toBe(argmax(values))
      }
    }
    expect(worst).toBeLessThan(TOLERANCE)
  }

  it('gives the same probabilities at every position of every sequence', async () => {
    for (const [index, { ids }] of golden.sequences.entries()) expectGolden(await alone(ids), index)
  })

  it('gives them token by token too', async () => {
    const { ids } = golden.sequences[longest]!
    expectGolden(await alone(ids, new Array<number>(ids.length).fill(1)), longest)
  })

  it('gives them in any chunking', async () => {
    const random = seeded(5)
    const { ids } = golden.sequences[longest]!
    for (let round = 0; round < 4; round++) {
      const chunks: number[] = []
      for (let left = ids.length; left > 0; left -= chunks.at(-1)!) {
        chunks.push(Math.min(left, 1 + Math.floor(random() * [4, 20, 60, 200][round]!)))
      }
      expectGolden(await alone(ids, chunks), longest)
    }
  })

  it('gives them in micro-batches of any size', async () => {
    for (const batchSize of [32, 100]) {
      const small = await Engine.create(model, exactEngine({ batchSize, maxOutputs: batchSize }))
      try {
        const { ids } = golden.sequences[longest]!
        const sequence = await small.acquire({ cells: ids.length })
        expectGolden(await feed(sequence, ids, [ids.length]), longest)
      } finally {
        await small.close()
      }
    }
  })

  it('gives them to several sequences at once', async () => {
    // The first positions one by one, so that the sequences share many decodes.
    const chunked = golden.sequences.map(({ ids }) => {
      const single = Math.min(ids.length, 30)
      const chunks = new Array<number>(single).fill(1)
      return single < ids.length ? [...chunks, ids.length - single] : chunks
    })
    const all = await Promise.all(golden.sequences.map(({ ids }, index) => alone(ids, chunked[index])))
    for (const [index, came] of all.entries()) expectGolden(came, index)
  })

  it('gives them with a split KV cache', async () => {
    const split = await Engine.create(model, exactEngine({ unified: false }))
    try {
      const all = await Promise.all(
        golden.sequences.map(async ({ ids }) =>
          feed(await split.acquire({ cells: ids.length }), ids, [ids.length]),
        ),
      )
      for (const [index, came] of all.entries()) expectGolden(came, index)
    } finally {
      await split.close()
    }
  })

  it('gives them after going back', async () => {
    const { ids } = golden.sequences[longest]!
    const sequence = await engine.acquire({ cells: ids.length + 8 })
    try {
      const first = await feed(sequence, ids.slice(0, 100), [100])
      await sequence.decodeHeads(Int32Array.from([1, 2, 3, 4, 5]), { read: range(0) })
      const { heads } = await sequence.decodeHeads(Int32Array.from(ids.slice(80)), {
        keep: 80,
        read: range(ids.length - 80),
      })
      const rest = Array.from({ length: ids.length - 80 }, (_, i) =>
        softmaxGroups(heads.subarray(i * WIDTH, (i + 1) * WIDTH), SIZES),
      )
      expectGolden([...first.slice(0, 80), ...rest], longest)
    } finally {
      sequence.release()
    }
  })

  it('reads only the positions asked for', async () => {
    const { ids, response } = golden.sequences[1]!
    const sequence = await engine.acquire({ cells: ids.length })
    try {
      const { heads } = await sequence.decodeHeads(Int32Array.from(ids), {
        read: Int32Array.from([3, ids.length - 1]),
      })
      expect(heads).toHaveLength(2 * WIDTH)
      const [risk] = softmaxGroups(heads.subarray(0, WIDTH), SIZES)
      for (const [i, value] of response.risk[3]!.entries())
        expect(Math.abs(risk![i]! - value)).toBeLessThan(TOLERANCE)
    } finally {
      sequence.release()
    }
  })

  it('tokenises content as the tokenizer without added tokens does', () => {
    for (const { text, ids } of golden.texts) {
      expect([...model.native.tokenizeSync(text.normalize('NFC'))]).toEqual(ids)
    }
  })
})
