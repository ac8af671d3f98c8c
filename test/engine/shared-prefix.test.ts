import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Engine } from '../../lib/engine/engine.js'
import { Model } from '../../lib/engine/model.js'
import type { Sequence } from '../../lib/engine/sequence.js'
import { fixtureModel } from '../support/fixture-model.js'
import { exactEngine } from '../support/fixtures.js'
import { digits, GPU } from '../support/gpu.js'

const NAMED = Int32Array.of(41, 42, 43)
/** Lengths of what is shared; with one text behind it they nearly fill the cells. */
const LENGTHS = [200, 150, 100]

let model: Model
let engine: Engine
let bases: { tokens: Int32Array; sequence: Sequence }[]

function ids(length: number, seed: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => 40 + ((i * 37 + seed * 101) % 400))
}

function joined(...parts: Int32Array[]): Int32Array {
  return Int32Array.from(parts.flatMap((part) => [...part]))
}

/** Judges a text behind one of the shared beginnings, from what is kept of an earlier one if there is any. */
async function judge(which: number, rest: Int32Array, keep: boolean) {
  const base = bases[which] as (typeof bases)[number]
  const tokens = joined(base.tokens, rest)
  const sequence = await engine.acquire({
    cells: tokens.length,
    reuse: keep ? { tokens, longerThan: base.tokens.length } : undefined,
  })
  const length = sequence.length || base.tokens.length
  const todo = tokens.slice(length)
  const { named } = await sequence.decodeText(todo, {
    read: Int32Array.of(todo.length - 1),
    named: NAMED,
    keep: length,
    ...(sequence.length === 0 && { from: base.sequence }),
  })
  if (keep) sequence.keep(tokens, { sequence: base.sequence, length: base.tokens.length })
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
  model = await Model.load(await fixtureModel('gen-f32-tied'), { gpu: GPU })
})
beforeEach(async () => {
  engine = await Engine.create(model, exactEngine({ maxSequences: 6, cells: 720, contextSize: 300 }))
  bases = []
  for (const [i, length] of LENGTHS.entries()) {
    const sequence = await engine.acquire({ cells: length })
    const tokens = ids(length, i)
    await sequence.decodeText(tokens, { read: new Int32Array(0), named: NAMED })
    bases.push({ tokens, sequence })
  }
})
afterEach(() => engine.close())
afterAll(() => model.close())

describe('what sequences share', () => {
  it('gives the same results again and again when they take turns', async () => {
    for (let round = 0; round < 3; round++) {
      for (const which of LENGTHS.keys()) {
        const rest = ids(30, 10 + round)
        const expected = await alone(joined((bases[which] as (typeof bases)[number]).tokens, rest))
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
      const tokens = joined(
        (bases[which] as (typeof bases)[number]).tokens,
        ids(25, 20 + first),
        ids(more, 30),
      )
      expectClose(named, await alone(tokens), key)
    }
  })

  it('may itself go on, and what begins with it sees what it has become', async () => {
    const [first] = bases as [(typeof bases)[number]]
    await judge(0, ids(20, 5), true)
    await judge(1, ids(20, 5), false)
    const rest = ids(20, 6)
    const changed = joined(first.tokens.subarray(0, 150), ids(50, 9))
    await first.sequence.decodeText(ids(50, 9), { read: new Int32Array(0), named: NAMED, keep: 150 })
    first.tokens = changed
    expectClose(await judge(0, rest, false), await alone(joined(changed, rest)), 'changed')
  })

  it('is computed anew, and no other text, for what was kept of a beginning that is gone', async () => {
    const [first] = bases as [(typeof bases)[number]]
    const rest = ids(20, 5)
    await judge(0, rest, true)
    first.sequence.release()
    const other = await engine.acquire({ cells: 200 })
    await other.decodeText(ids(200, 8), { read: new Int32Array(0), named: NAMED })
    const longer = joined(rest, ids(5, 7))
    const before = engine.stats().tokensDecoded
    const anew = await judge(0, longer, true)
    const whole = joined(first.tokens, longer)
    expect(engine.stats().tokensDecoded - before).toBe(whole.length)
    expectClose(anew, await alone(whole), 'anew')
  })
})
