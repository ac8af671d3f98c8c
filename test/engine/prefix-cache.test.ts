import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from '../../lib/engine/engine.js'
import type { EngineOptions } from '../../lib/engine/engine-options.js'
import { Model } from '../../lib/engine/model.js'
import type { Sequence, TextOutputs } from '../../lib/engine/sequence.js'
import { GuardClosedError } from '../../lib/errors.js'
import { fixtureModel } from '../support/fixture-model.js'
import { exactEngine } from '../support/fixtures.js'
import { digits, GPU } from '../support/gpu.js'
import { forgetfulPlacement } from '../support/watched-engine.js'

const NAMED = Int32Array.of(41, 42, 43)

let model: Model
let engine: Engine

async function start(options: Partial<EngineOptions> = {}): Promise<void> {
  engine = await Engine.create(model, exactEngine(options))
}

function ids(length: number, seed = 1): Int32Array {
  return Int32Array.from({ length }, (_, i) => 40 + ((i * 37 + seed * 101) % 400))
}

function joined(...parts: Int32Array[]): Int32Array {
  return Int32Array.from(parts.flatMap((part) => [...part]))
}

/** Decodes what of the tokens the engine has not kept, and reads the last position. */
async function finish(sequence: Sequence, tokens: Int32Array) {
  return await sequence.decodeText(tokens, {
    keep: 'whole',
    read: Int32Array.of(tokens.length - 1),
    named: NAMED,
  })
}

async function decodeAndKeep(tokens: Int32Array, cells = tokens.length): Promise<void> {
  const sequence = await engine.acquire({ cells })
  // All of it, and from nothing that is kept.
  await sequence.decodeText(tokens, { keep: 0, read: Int32Array.of(tokens.length - 1), named: NAMED })
  sequence.keep(tokens.length)
}

/** What an engine gives that has seen nothing before. */
async function alone(tokens: Int32Array) {
  const fresh = await Engine.create(model, exactEngine())
  const sequence = await fresh.acquire({ cells: tokens.length })
  const result = await finish(sequence, tokens)
  await fresh.close()
  return result
}

function expectSame(actual: TextOutputs, expected: TextOutputs): void {
  expect(actual.greedy).toEqual(expected.greedy)
  for (const [i, value] of actual.named.entries()) {
    expect(value).toBeCloseTo(expected.named[i] as number, digits(4))
  }
}

beforeAll(async () => {
  model = await Model.load(await fixtureModel('gen-f32-tied'), { gpu: GPU })
})
afterEach(() => engine?.close())
afterAll(() => model?.close())

describe('a kept prefix', () => {
  it('is not computed again for the prompt that begins like it, with the results of a fresh one', async () => {
    await start()
    const [first, second] = [joined(ids(200), ids(50, 2)), joined(ids(200), ids(60, 3))]
    await decodeAndKeep(first)
    const before = engine.stats().tokensDecoded
    const sequence = await engine.acquire({ cells: 270 })
    const fast = await finish(sequence, second)
    expect(fast.cached).toBe(200)
    expect(engine.stats().tokensDecoded - before).toBe(60)
    expect(sequence.length).toBe(260)
    expectSame(fast, await alone(second))
    // And it goes on from there.
    const more = await sequence.decodeText(ids(10, 7), { read: Int32Array.of(9), named: NAMED })
    expectSame(more, await alone(joined(second, ids(10, 7))))
  })

  it('is kept without what it shares, and goes on from that', async () => {
    await start({ maxSequences: 4, cells: 600, contextSize: 400 })
    const head = ids(200)
    const prefix = await engine.share(head)
    const shared = { prefix, length: 200 }
    // 500 positions with what they share, of which 400 may be kept; 100 without.
    for (const seed of [5, 2]) {
      const tokens = joined(head, ids(50, seed))
      const begun = await engine.acquire({ cells: 250, shared })
      expect((await finish(begun, tokens)).cached).toBe(200)
      begun.keep(tokens.length)
    }
    const other = await engine.acquire({ cells: 250, shared })
    expect((await finish(other, joined(head, ids(50, 5)))).cached).toBe(249)
    other.release()
    const second = joined(head, ids(50, 2), ids(20, 3))
    const expected = await alone(second)
    const reused = await engine.acquire({ cells: 270, shared })
    const fast = await finish(reused, second)
    expect(fast.cached).toBe(250)
    expectSame(fast, expected)
    reused.keep(second.length)
    const again = await finish(await engine.acquire({ cells: 270, shared }), second)
    expect(again.cached).toBe(269)
    expectSame(again, expected)
  })

  it('leaves one token to decode where it holds all of them', async () => {
    await start()
    await decodeAndKeep(ids(100))
    const again = await engine.acquire({ cells: 100 })
    expect((await finish(again, ids(100))).cached).toBe(99)
    again.keep(100)
    const cut = await finish(await engine.acquire({ cells: 40 }), ids(40))
    expect(cut.cached).toBe(39)
    expectSame(cut, await alone(ids(40)))
  })

  it('is needless to decode where nothing is read', async () => {
    await start()
    await decodeAndKeep(ids(100))
    const sequence = await engine.acquire({ cells: 100 })
    const before = engine.stats().tokensDecoded
    const nothing = { keep: 'whole', read: new Int32Array(0), named: NAMED } as const
    expect((await sequence.decodeText(ids(100), nothing)).cached).toBe(100)
    expect(engine.stats().tokensDecoded).toBe(before)
  })

  it('is chosen for the longest beginning, and not for one that is too short', async () => {
    await start()
    const prompt = ids(120)
    await decodeAndKeep(joined(ids(60), ids(30, 2)))
    await decodeAndKeep(joined(ids(100), ids(30, 3)))
    await decodeAndKeep(joined(ids(80), ids(30, 4)))
    await decodeAndKeep(joined(ids(10), ids(30, 5)))
    const lengths: number[] = []
    for (let i = 0; i < 4; i++) {
      const sequence = await engine.acquire({ cells: 120 })
      lengths.push((await finish(sequence, prompt)).cached)
    }
    expect(lengths).toEqual([100, 80, 60, 0])
  })

  it('lies outside the cells, the least recently used making room for others', async () => {
    await start({ maxSequences: 8, cells: 600, contextSize: 300 })
    for (const seed of [1, 2, 3]) await decodeAndKeep(ids(120, seed))
    expect(engine.stats()).toMatchObject({ openSequences: 0, cellsUsed: 0, cellsFree: 600, queued: 0 })
    // All cells are taken by others, and left to others, meanwhile.
    const others = await Promise.all([engine.acquire({ cells: 300 }), engine.acquire({ cells: 300 })])
    for (const [i, other] of others.entries()) await finish(other, ids(300, 8 + i))
    for (const other of others) other.release()
    // 300 positions are kept at most, so the first went for the third.
    const lengths: number[] = []
    for (const seed of [1, 2, 3]) {
      const sequence = await engine.acquire({ cells: 120 })
      const result = await finish(sequence, ids(120, seed))
      lengths.push(result.cached)
      expectSame(result, await alone(ids(120, seed)))
      sequence.release()
    }
    expect(lengths).toEqual([0, 119, 119])
  })

  it('is computed anew where its cells are not free', async () => {
    await start({ maxSequences: 4, cells: 600, contextSize: 500 })
    await decodeAndKeep(ids(400))
    const held = await engine.acquire({ cells: 450 })
    await finish(held, ids(450, 2))
    const anew = await finish(await engine.acquire({ cells: 100 }), ids(100))
    expect(anew.cached).toBe(0)
    expectSame(anew, await alone(ids(100)))
  })

  it('is nothing where its sequence decoded nothing, or less than is said', async () => {
    await start()
    const idle = await engine.acquire({ cells: 100 })
    idle.keep(100)
    const short = await engine.acquire({ cells: 100 })
    await finish(short, ids(50))
    short.keep(70)
    expect((await finish(await engine.acquire({ cells: 80 }), ids(80))).cached).toBe(0)
  })

  it('admits who waits at once', async () => {
    await start({ maxSequences: 1, cells: 512 })
    const held = await engine.acquire({ cells: 300 })
    await finish(held, ids(300))
    const waiting = engine.acquire({ cells: 512 })
    held.keep(300)
    const full = await waiting
    expect((await finish(full, ids(512, 2))).cached).toBe(0)
    const next = engine.acquire({ cells: 512 })
    full.keep(512)
    expect((await finish(await next, ids(512, 2))).cached).toBe(511)
  })

  it('is nothing that can be used or given back again', async () => {
    await start()
    const sequence = await engine.acquire({ cells: 100 })
    await finish(sequence, ids(50))
    sequence.keep(50)
    sequence.release()
    sequence.keep(50)
    await expect(finish(sequence, ids(60))).rejects.toThrow(GuardClosedError)
    expect((await finish(await engine.acquire({ cells: 60 }), ids(60))).cached).toBe(50)
    expect((await finish(await engine.acquire({ cells: 60 }), ids(60))).cached).toBe(0)
  })

  it('takes no cells from others where it is longer than what goes on from it', async () => {
    await start({ maxSequences: 4, cells: 1000 })
    await decodeAndKeep(ids(500))
    const short = await engine.acquire({ cells: 100 })
    const other = await engine.acquire({ cells: 512 })
    expect(engine.stats().queued).toBe(0)
    expect((await finish(short, ids(100))).cached).toBe(99)
    await finish(other, ids(512, 2))
  })

  it('does not keep the engine from closing', async () => {
    await start()
    await decodeAndKeep(ids(100))
    await engine.close()
    await expect(engine.acquire({ cells: 100 })).rejects.toThrow(GuardClosedError)
  })

  it('is computed anew where native could not keep it after all', async () => {
    const placement = await forgetfulPlacement(GPU)
    const forgetting = await Model.load(await fixtureModel('gen-f32-tied'), { placement })
    engine = await Engine.create(forgetting, exactEngine())
    try {
      const [first, second] = [joined(ids(200), ids(50, 2)), joined(ids(200), ids(60, 3))]
      await decodeAndKeep(first)
      const sequence = await engine.acquire({ cells: 270 })
      const anew = await finish(sequence, second)
      expect(anew.cached).toBe(0)
      expect(sequence.length).toBe(260)
      expectSame(anew, await alone(second))
      const more = await sequence.decodeText(ids(10, 7), { read: Int32Array.of(9), named: NAMED })
      expectSame(more, await alone(joined(second, ids(10, 7))))
    } finally {
      await engine.close()
      await forgetting.close()
    }
  })

  it('survives any mix of acquiring, keeping and releasing', async () => {
    await start({ maxSequences: 4, cells: 700 })
    const known = new Map<string, Float32Array>()
    let seed = 1
    const next = (most: number) => {
      seed = (seed * 16807) % 2147483647
      return seed % most
    }
    const work = async () => {
      for (let i = 0; i < 25; i++) {
        const [shared, tail] = [1 + next(4) * 40, 5 + next(60)]
        const kind = next(3)
        const tokens = joined(ids(shared, kind), ids(tail, 50 + kind))
        const sequence = await engine.acquire({ cells: tokens.length + 10 })
        const { named } = await finish(sequence, tokens)
        const key = `${shared} ${tail} ${kind}`
        const expected = known.get(key) ?? named
        known.set(key, expected)
        named.forEach((value, k) => {
          expect(value, key).toBeCloseTo(expected[k] as number, digits(3))
        })
        if (next(4) === 0) sequence.release()
        else sequence.keep(tokens.length)
      }
    }
    await Promise.all([work(), work(), work(), work(), work(), work()])
    expect(engine.stats()).toMatchObject({ openSequences: 0, cellsUsed: 0, queued: 0 })
  })
})
