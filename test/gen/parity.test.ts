import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from '../../lib/engine/engine.js'
import { Model } from '../../lib/engine/model.js'
import { convertCheckpoint } from '../../lib/models/convert/convert.js'
import type { GenGolden } from '../support/fixtures.js'
import { checkpointPath, exactEngine, GEN_CHECKPOINTS, range, readGolden } from '../support/fixtures.js'
import { GPU, near } from '../support/gpu.js'
import { temporaryDirectory } from '../support/temporary.js'

const TOLERANCE = near(1e-4)
/** Weights and activations that are rounded to f16, summed in f32. Sums in f16 are 0.2 off. */
const HALF = 0.05

const directory = temporaryDirectory()

describe.each(GEN_CHECKPOINTS)('%s against transformers', (name) => {
  const golden = readGolden<GenGolden>(name)
  const named = Int32Array.from(golden.named)
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

  it('writes the same greedy text', async () => {
    for (const { ids, greedy } of golden.prompts) {
      const sequence = await engine.acquire({ cells: ids.length + greedy.length })
      const written: number[] = []
      let tokens: Int32Array = Int32Array.from(ids)
      let lead = Number.POSITIVE_INFINITY
      for (let i = 0; i < greedy.length; i++) {
        const read = Int32Array.of(tokens.length - 1)
        const output = await sequence.decodeText(tokens, { read, named })
        written.push(output.greedy[0]!)
        lead = Math.min(lead, output.margin[0]!)
        tokens = output.greedy
      }
      sequence.release()
      expect(written).toEqual(greedy)
      expect(lead).toBeGreaterThan(golden.leastLead - near(1e-3))
    }
  })

  it('checks a draft of that text in one pass', async () => {
    for (const { ids, greedy } of golden.prompts) {
      const tokens = Int32Array.from([...ids, ...greedy.slice(0, -1)])
      const sequence = await engine.acquire({ cells: tokens.length })
      const read = range(greedy.length).map((i) => ids.length - 1 + i)
      const output = await sequence.decodeText(tokens, { read, named })
      sequence.release()
      expect([...output.greedy]).toEqual(greedy)
    }
  })

  /** The greatest difference of a log-probability from transformers', each prompt in one piece or token by token. */
  async function farthest(engine: Engine, prompts: GenGolden['prompts'], single = false): Promise<number> {
    const all = Int32Array.from(range(model.native.vocabSize))
    let worst = 0
    for (const { ids, logProbs } of prompts) {
      const sequence = await engine.acquire({ cells: ids.length })
      const rows: Float32Array[] = []
      for (const piece of single ? ids.map((id) => [id]) : [ids]) {
        const read = range(piece.length)
        const output = await sequence.decodeText(Int32Array.from(piece), { read, named: all })
        for (const position of read) {
          rows.push(output.named.slice(position * all.length, (position + 1) * all.length))
        }
      }
      sequence.release()
      expect(rows).toHaveLength(logProbs.length)
      for (const [position, row] of logProbs.entries()) {
        const logits = rows[position]!
        const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0))
        for (const [i, value] of row.entries()) {
          worst = Math.max(worst, Math.abs(logits[named[i]!]! - total - value))
        }
      }
    }
    return worst
  }

  it('gives the same log-probabilities at every position', async () => {
    expect(await farthest(engine, golden.prompts)).toBeLessThan(TOLERANCE)
  })

  // Of a checkpoint in f16, so that no weight is rounded.
  it.runIf(name.includes('f16'))('gives them in f16 within its rounding of activations', async () => {
    const path = join(directory, `${name}-f16.gguf`)
    await convertCheckpoint(checkpointPath(name), path, { type: 'f16' })
    const half = await Model.load(path, { gpu: GPU })
    const exact = await Engine.create(half, exactEngine())
    try {
      expect(await farthest(exact, golden.prompts)).toBeLessThan(HALF)
      expect(await farthest(exact, golden.prompts.slice(0, 1), true)).toBeLessThan(HALF)
    } finally {
      await exact.close()
      half.close()
    }
  })

  it('gives the same from a prefix that another sequence holds', async () => {
    const { ids, greedy } = golden.prompts.at(-1)!
    const prefix = await engine.share(Int32Array.from(ids.slice(0, 200)))
    const shared = { prefix, length: 200 }
    const sequence = await engine.acquire({ cells: ids.length + greedy.length, shared })
    const tokens = Int32Array.from([...ids, ...greedy.slice(0, -1)])
    const read = range(greedy.length).map((i) => ids.length - 1 + i)
    const output = await sequence.decodeText(tokens, { read, named, keep: 'whole' })
    expect(output.cached).toBe(200)
    sequence.release()
    expect([...output.greedy]).toEqual(greedy)
  })

  it('tokenises content as the tokenizer without added tokens does', () => {
    for (const { text, ids } of golden.texts) {
      expect([...model.native.tokenizeSync(text.normalize('NFC'))]).toEqual(ids)
    }
  })
})
