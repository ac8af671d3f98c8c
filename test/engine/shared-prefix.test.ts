import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { NativeEngine } from '../../lib/binding/binding.js'
import { Engine } from '../../lib/engine/engine.js'
import { Model } from '../../lib/engine/model.js'
import type { SharedPrefix } from '../../lib/engine/sequence.js'
import { fixtureModel } from '../support/fixture-model.js'
import { exactEngine } from '../support/fixtures.js'
import { digits, GPU } from '../support/gpu.js'
import { watchedPlacement } from '../support/watched-engine.js'

const NAMED = Int32Array.of(41, 42, 43)
/** Lengths of what is shared; with one text behind it they nearly fill the cells. */
const LENGTHS = [200, 150, 100]

let model: Model
let engine: Engine
let natives: NativeEngine[]
let prefixes: SharedPrefix[]

function ids(length: number, seed: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => 40 + ((i * 37 + seed * 101) % 400))
}

function joined(...parts: Int32Array[]): Int32Array {
  return Int32Array.from(parts.flatMap((part) => [...part]))
}

/** Judges a text behind one of the shared beginnings, from what is kept of an earlier one if there is any. */
async function judge(which: number, rest: Int32Array, keep: boolean) {
  const prefix = prefixes[which] as SharedPrefix
  const tokens = joined(prefix.tokens, rest)
  const shared = { prefix, length: prefix.tokens.length }
  const sequence = await engine.acquire({ cells: tokens.length, shared })
  const { named } = await sequence.decodeText(tokens, {
    read: Int32Array.of(tokens.length - 1),
    named: NAMED,
    keep: 'whole',
  })
  if (keep) sequence.keep(tokens.length)
  else sequence.release()
  return named
}

/** What a sequence of its own gives. */
async function alone(tokens: Int32Array): Promise<Float32Array> {
  const fresh = await Engine.create(model, exactEngine())
  const sequence = await fresh.acquire({ cells: tokens.length })
  const { named } = await sequence.decodeText(tokens, {
    read: Int32Array.of(tokens.length - 1),
    named: NAMED,
  })
  await fresh.close()
  return named
}

function expectClose(actual: Float32Array, expected: Float32Array, what: string): void {
  for (const [i, value] of actual.entries()) expect(value, what).toBeCloseTo(expected[i] as number, digits(3))
}

beforeAll(async () => {
  const watched = await watchedPlacement(GPU)
  natives = watched.natives
  model = await Model.load(await fixtureModel('gen-f32-tied'), { placement: watched.placement })
})
beforeEach(async () => {
  natives.length = 0
  engine = await Engine.create(model, exactEngine({ maxSequences: 6, cells: 720, contextSize: 300 }))
  prefixes = []
  for (const [i, length] of LENGTHS.entries()) prefixes.push(await engine.share(ids(length, i)))
})
afterEach(() => engine.close())
afterAll(() => model.close())

describe('what sequences share', () => {
  it('gives the same results again and again when they take turns', async () => {
    for (let round = 0; round < 3; round++) {
      for (const which of LENGTHS.keys()) {
        const rest = ids(30, 10 + round)
        const expected = await alone(joined(prefix(which).tokens, rest))
        expectClose(await judge(which, rest, false), expected, `${round} ${which}`)
      }
    }
  })

  it('gives the same results to any mix of them at once, and to what goes on from earlier ones', async () => {
    const known = new Map<string, Float32Array>()
    let seed = 3
    const next = (most: number) => {
      seed = (seed * 16807) % 2147483647
      return seed % most
    }
    const work = async () => {
      for (let i = 0; i < 20; i++) {
        const [which, first, more] = [next(3), next(3), next(4) * 12]
        const rest = joined(ids(25, 20 + first), ids(more, 30))
        const key = `${which} ${first} ${more}`
        const named = await judge(which, rest, next(3) > 0)
        const expected = known.get(key) ?? named
        known.set(key, expected)
        expectClose(named, expected, key)
      }
    }
    await Promise.all([work(), work(), work()])
    for (const [key, named] of known) {
      const [which, first, more] = key.split(' ').map(Number) as [number, number, number]
      const tokens = joined(prefix(which).tokens, ids(25, 20 + first), ids(more, 30))
      expectClose(named, await alone(tokens), key)
    }
  })

  it('takes its cells once, and lets in all who have room behind it', async () => {
    const [prefix] = prefixes as [SharedPrefix]
    const pinned = LENGTHS.reduce((sum, length) => sum + length)
    expect(engine.stats()).toMatchObject({ cellsUsed: pinned, cellsFree: 720 - pinned })
    // 270 cells are left: one text of 290 alone, three of them behind what they share.
    const tokens = joined(prefix.tokens, ids(90, 4))
    const shared = { prefix, length: prefix.tokens.length }
    const open = await Promise.all([1, 2, 3].map(() => engine.acquire({ cells: tokens.length, shared })))
    expect(engine.stats().queued).toBe(0)
    const read = Int32Array.of(tokens.length - 1)
    await Promise.all(
      open.map((sequence) => sequence.decodeText(tokens, { keep: 'whole', read, named: NAMED })),
    )
    expect(engine.stats()).toMatchObject({ cellsUsed: 720, cellsFree: 0 })
    await expect.poll(() => natives[0]?.stats().cells).toBe(720)
    for (const sequence of open) sequence.release()
    expect(engine.stats()).toMatchObject({ cellsUsed: pinned, cellsFree: 720 - pinned })
  })

  it('is computed anew, and no other text, where native has lost it', async () => {
    const [first] = prefixes as [SharedPrefix]
    const rest = ids(20, 5)
    await judge(0, rest, true)
    natives[0]?.release(first.sequence)
    const longer = joined(rest, ids(5, 7))
    const whole = joined(first.tokens, longer)
    const before = engine.stats().tokensDecoded
    const anew = await judge(0, longer, true)
    expect(engine.stats().tokensDecoded - before).toBe(whole.length)
    expectClose(anew, await alone(whole), 'anew')
  })
})

function prefix(which: number): SharedPrefix {
  return prefixes[which] as SharedPrefix
}
