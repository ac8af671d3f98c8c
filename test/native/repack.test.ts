import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadBinding } from '../../lib/binding/addon.js'
import { Engine } from '../../lib/engine/engine.js'
import { Model } from '../../lib/engine/model.js'
import { exactEngine, range } from '../support/fixtures.js'

const models = join(import.meta.dirname, '..', '..', 'models')

/** Head logits of the tokens, decoded `step` at a time. */
async function heads(repack: boolean, tokens: Int32Array, step: number): Promise<Float32Array> {
  const model = await Model.load(join(models, 'demo-stream.gguf'), { gpu: false, repack })
  const engine = await Engine.create(model, exactEngine())
  try {
    const sequence = await engine.acquire({ cells: tokens.length })
    const rows: number[] = []
    for (let at = 0; at < tokens.length; at += step) {
      const part = tokens.slice(at, at + step)
      rows.push(...(await sequence.decodeHeads(part, { read: Int32Array.from(range(part.length)) })).heads)
    }
    return Float32Array.from(rows)
  } finally {
    await engine.close()
    model.close()
  }
}

/** The furthest that a position's logits lie apart, for each position. */
function distances(a: Float32Array, b: Float32Array, positions: number): number[] {
  expect(a.length).toBe(b.length)
  const width = a.length / positions
  return [...range(positions)].map((at) => {
    const row = [...a.subarray(at * width, (at + 1) * width)]
    return Math.max(...row.map((value, i) => Math.abs(value - b[at * width + i]!)))
  })
}

// The Q8_0 demonstration model. Where ggml rearranges nothing for this CPU there is nothing to compare.
describe.runIf(loadBinding().repacks('q8_0'))('weights rearranged for this CPU', () => {
  // Beyond the eight columns that the kernel takes at once, and no multiple of them.
  const tokens = range(61).map((i) => 20 + ((i * 37) % 3000))

  it.each([1, 2, 3, 4, 7, 8, 13, 61])(
    'give the logits of the plain ones, %i tokens at a time',
    async (step) => {
      const plain = await heads(false, tokens, step)
      const apart = distances(await heads(true, tokens, step), plain, tokens.length)
      expect(Math.max(...plain)).toBeGreaterThan(1)
      // The products are equal but for the order of additions: an activation between two steps of Q8_0 then
      // rounds the other way now and then, which moves that position and what attends to it.
      expect(Math.max(...apart.slice(0, 10))).toBeLessThan(1e-5)
      expect(Math.max(...apart)).toBeLessThan(0.05)
    },
  )
})
