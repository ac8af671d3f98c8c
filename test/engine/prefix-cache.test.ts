import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from '../../lib/engine/engine.js'
import type { EngineOptions } from '../../lib/engine/engine-options.js'
import { Model } from '../../lib/engine/model.js'
import type { Sequence } from '../../lib/engine/sequence.js'
import { GuardClosedError } from '../../lib/errors.js'
import { fixtureModel } from '../support/fixture-model.js'
import { exactEngine } from '../support/fixtures.js'
import { forgetfulPlacement } from '../support/forgetful.js'
import { digits, GPU } from '../support/gpu.js'

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

/** Decodes what the sequence does not hold yet and reads the last position. */
async function finish(sequence: Sequence, tokens: Int32Array) {
  const rest = tokens.slice(sequence.length)
  return await sequence.decodeText(rest, { read: Int32Array.of(rest.length - 1), named: NAMED })
}

async function decodeAndKeep(tokens: Int32Array, cells = tokens.length): Promise<void> {
  const sequence = await engine.acquire({ cells })
  await finish(sequence, tokens)
  sequence.keep(tokens)
}

const reusing = (tokens: Int32Array, cells = tokens.length) => ({
  cells,
  reuse: { tokens, longerThan: 0 },
})

beforeAll(async () => {
  model = await Model.load(await fixtureModel('gen-f32-tied'), { gpu: GPU })
})
afterEach(() => engine?.close())
afterAll(() => model?.close())

describe('a kept prefix', () => {
  it('gives what it holds to the prompt that begins like it, with the results of a fresh one', async () => {
    await start()
    const [first, second] = [joined(ids(200), ids(50, 2)), joined(ids(200), ids(60, 3))]
    await decodeAndKeep(first)
    const reused = await engine.acquire(reusing(second))
    expect(reused.length).toBe(200)
    const before = engine.stats().tokensDecoded
    const fast = await finish(reused, second)
    expect(engine.stats().tokensDecoded - before).toBe(60)
    const slow = await finish(await engine.acquire({ cells: 260 }), second)
    expect(fast.greedy).toEqual(slow.greedy)
    fast.named.forEach((value, i) => {
      expect(value).toBeCloseTo(slow.named[i] as number, digits(4))
    })
  })

  it('goes on from what it shared with another sequence, which it did not keep a second time', async () => {
    await start({ maxSequences: 4, cells: 600, contextSize: 400 })
    const head = ids(200)
    const pinned = await engine.acquire({ cells: 200 })
    await finish(pinned, head)
    const [first, second] = [joined(head, ids(50, 2)), joined(head, ids(50, 2), ids(20, 3))]
    // 500 positions with what they share, of which 400 may be kept; 100 without.
    for (const seed of [5, 2]) {
      const tokens = joined(head, ids(50, seed))
      const begun = await engine.acquire({ cells: 250 })
      await begun.decodeText(tokens.slice(200), {
        read: Int32Array.of(49),
        named: NAMED,
        keep: 200,
        from: pinned,
      })
      begun.keep(tokens, { sequence: pinned, length: 200 })
    }
    const other = await engine.acquire(reusing(joined(head, ids(50, 5))))
    expect(other.length).toBe(249)
    other.release()
    const reused = await engine.acquire(reusing(second))
    expect(reused.length).toBe(first.length)
    const fast = await finish(reused, second)
    const shared = { sequence: pinned, length: 200 }
    reused.keep(second, shared)
    const resumed = await engine.acquire(reusing(second))
    const again = await finish(resumed, second)
    resumed.release()
    const slow = await finish(await engine.acquire({ cells: 270 }), second)
    expect(fast.greedy).toEqual(slow.greedy)
    for (const { named } of [fast, again]) {
      named.forEach((value, i) => {
        expect(value).toBeCloseTo(slow.named[i] as number, digits(4))
      })
    }
  })

  it('leaves one token to decode where it holds all of them', async () => {
    await start()
    await decodeAndKeep(ids(100))
    const again = await engine.acquire(reusing(ids(100)))
    expect(again.length).toBe(99)
    await finish(again, ids(100))
    const shorter = ids(40)
    again.keep(ids(100))
    const cut = await engine.acquire(reusing(shorter))
    expect(cut.length).toBe(39)
    const fresh = await engine.acquire({ cells: 40 })
    expect((await finish(cut, shorter)).greedy).toEqual((await finish(fresh, shorter)).greedy)
  })

  it('is chosen for the longest beginning, and not for one that is too short', async () => {
    await start()
    const prompt = ids(120)
    await decodeAndKeep(joined(ids(60), ids(30, 2)))
    await decodeAndKeep(joined(ids(100), ids(30, 3)))
    await decodeAndKeep(joined(ids(80), ids(30, 4)))
    const barred = await engine.acquire({ cells: 120, reuse: { tokens: prompt, longerThan: 100 } })
    expect(barred.length).toBe(0)
    barred.release()
    const lengths: number[] = []
    for (let i = 0; i < 3; i++) lengths.push((await engine.acquire(reusing(prompt))).length)
    expect(lengths).toEqual([100, 80, 60])
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
    expect((await engine.acquire(reusing(ids(120, 1)))).length).toBeLessThan(10)
    for (const seed of [2, 3]) {
      const kept = await engine.acquire(reusing(ids(120, seed)))
      expect(kept.length).toBe(119)
      const fresh = await engine.acquire({ cells: 120 })
      const [a, b] = [await finish(kept, ids(120, seed)), await finish(fresh, ids(120, seed))]
      expect(a.greedy).toEqual(b.greedy)
      for (const [i, value] of a.named.entries()) expect(value).toBeCloseTo(b.named[i] as number, digits(4))
      kept.release()
      fresh.release()
    }
  })

  it('is computed anew where its cells are not free', async () => {
    await start({ maxSequences: 4, cells: 600, contextSize: 500 })
    await decodeAndKeep(ids(400))
    const held = await engine.acquire({ cells: 450 })
    const anew = await engine.acquire(reusing(ids(100)))
    expect(anew.length).toBe(0)
    await finish(anew, ids(100))
    held.release()
  })

  it('is forgotten with the sequence that was to go on from it', async () => {
    await start()
    await decodeAndKeep(ids(100))
    const first = await engine.acquire(reusing(ids(120)))
    expect(first.length).toBe(100)
    first.keep(ids(100))
    const second = await engine.acquire(reusing(ids(120)))
    // It had decoded nothing, so nothing of it is there, whatever was said about it.
    expect(second.length).toBe(0)
    await finish(second, ids(120))
  })

  it('admits who waits at once', async () => {
    await start({ maxSequences: 1, cells: 512 })
    const held = await engine.acquire({ cells: 300 })
    await finish(held, ids(300))
    const waiting = engine.acquire({ cells: 512 })
    held.keep(ids(300))
    const full = await waiting
    expect(full.length).toBe(0)
    await finish(full, ids(512, 2))
    const next = engine.acquire(reusing(ids(512, 2)))
    full.keep(ids(512, 2))
    expect((await next).length).toBe(511)
  })

  it('is nothing that can be used or given back again', async () => {
    await start()
    const sequence = await engine.acquire({ cells: 100 })
    await finish(sequence, ids(50))
    sequence.keep(ids(50))
    sequence.release()
    sequence.keep(ids(50))
    await expect(finish(sequence, ids(60))).rejects.toThrow(GuardClosedError)
    const reused = await engine.acquire(reusing(ids(60)))
    expect(reused.length).toBe(50)
    expect((await engine.acquire(reusing(ids(60)))).length).toBe(0)
  })

  it('is released instead where it does not hold what is said', async () => {
    await start()
    const sequence = await engine.acquire({ cells: 100 })
    await finish(sequence, ids(50))
    sequence.keep(ids(70))
    expect((await engine.acquire(reusing(ids(80)))).length).toBe(0)
  })

  it('may be longer than what goes on from it, whose cells are free only then', async () => {
    await start({ maxSequences: 4, cells: 1000 })
    await decodeAndKeep(ids(500))
    // What goes on from the long one needs 100 cells; until it has begun, 500 are taken.
    const short = await engine.acquire(reusing(ids(100)))
    expect(short.length).toBe(99)
    const waiting = engine.acquire({ cells: 512 })
    expect(engine.stats().queued).toBe(1)
    await finish(short, ids(100))
    await finish(await waiting, ids(512, 2))
    short.release()
  })

  it('does not keep the engine from closing', async () => {
    await start()
    await decodeAndKeep(ids(100))
    await engine.close()
    await expect(engine.acquire(reusing(ids(100)))).rejects.toThrow(GuardClosedError)
  })

  it('is computed anew by the first request where native could not keep it after all', async () => {
    const placement = await forgetfulPlacement(GPU)
    const forgetting = await Model.load(await fixtureModel('gen-f32-tied'), { placement })
    engine = await Engine.create(forgetting, exactEngine())
    try {
      const [first, second] = [joined(ids(200), ids(50, 2)), joined(ids(200), ids(60, 3))]
      await decodeAndKeep(first)
      const reused = await engine.acquire(reusing(second))
      expect(reused.length).toBe(200)
      const anew = await finish(reused, second)
      expect(reused.computedAnew).toBe(true)
      expect(reused.length).toBe(260)
      const fresh = await engine.acquire({ cells: 270 })
      const expected = await finish(fresh, second)
      expect(fresh.computedAnew).toBe(false)
      expect(anew.greedy).toEqual(expected.greedy)
      // And it goes on from there.
      const more = joined(second, ids(10, 7))
      const [a, b] = [
        await reused.decodeText(ids(10, 7), { read: Int32Array.of(9), named: NAMED, keep: 250 }),
        await fresh.decodeText(more.slice(260), { read: Int32Array.of(9), named: NAMED, keep: 250 }),
      ]
      a.named.forEach((value, i) => {
        expect(value).toBeCloseTo(b.named[i] as number, digits(4))
      })
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
        const sequence = await engine.acquire(reusing(tokens, tokens.length + 10))
        const { named } = await finish(sequence, tokens)
        const key = `${shared} ${tail} ${kind}`
        const expected = known.get(key) ?? named
        known.set(key, expected)
        named.forEach((value, k) => {
          expect(value, key).toBeCloseTo(expected[k] as number, digits(3))
        })
        if (next(4) === 0) sequence.release()
        else sequence.keep(tokens)
      }
    }
    await Promise.all([work(), work(), work(), work(), work(), work()])
    expect(engine.stats()).toMatchObject({ openSequences: 0, cellsUsed: 0, queued: 0 })
  })
})
