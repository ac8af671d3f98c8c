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

  it('gives the same log-probabilities at every position', async () => {
    for (const { ids, logProbs } of golden.prompts) {
      const sequence = await engine.acquire({ cells: ids.length })
      const all = Int32Array.from(range(model.native.vocabSize))
      const output = await sequence.decodeText(Int32Array.from(ids), { read: range(ids.length), named: all })
      sequence.release()
      let worst = 0
      for (const [position, row] of logProbs.entries()) {
        const logits = output.named.subarray(position * all.length, (position + 1) * all.length)
        const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0))
        for (const [i, value] of row.entries()) {
          worst = Math.max(worst, Math.abs(logits[named[i]!]! - total - value))
        }
      }
      expect(worst).toBeLessThan(TOLERANCE)
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
