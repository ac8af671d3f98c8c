import { copyFile, open } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from '../../lib/engine/engine.js'
import type { EngineOptions } from '../../lib/engine/engine-options.js'
import { Model } from '../../lib/engine/model.js'
import {
  DecodeError,
  GuardBusyError,
  GuardClosedError,
  ModelFileError,
  TooLongError,
} from '../../lib/errors.js'
import { readGguf } from '../../lib/models/gguf/reader.js'
import { fixtureModel } from '../support/fixture-model.js'
import { digits, GPU } from '../support/gpu.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const OPTIONS: EngineOptions = {
  contextSize: 1024,
  maxSequences: 4,
  cells: 4096,
  unified: true,
  maxQueue: 2,
  batchSize: 512,
  maxOutputs: 64,
  prefillTokens: 128,
  offloads: true,
  alone: null,
  keeps: true,
  threads: 1,
  kvType: 'f32',
  flashAttention: false,
}

function ids(length: number, seed = 1): Int32Array {
  return Int32Array.from({ length }, (_, i) => 40 + ((i * 37 + seed * 101) % 400))
}

let model: Model
const engines: Engine[] = []

async function engine(options: Partial<EngineOptions> = {}): Promise<Engine> {
  const made = await Engine.create(model, { ...OPTIONS, ...options })
  engines.push(made)
  return made
}

beforeAll(async () => {
  model = await Model.load(await fixtureModel('gen-f32-tied'), { gpu: GPU })
})
afterEach(async () => {
  await Promise.all(engines.splice(0).map((made) => made.close()))
})

const LAST = (tokens: Int32Array) => ({
  read: Int32Array.of(tokens.length - 1),
  named: Int32Array.of(41, 42, 43),
})

describe('sequences', () => {
  it('share a prefix that is decoded once, with the results of decoding it again', async () => {
    const running = await engine()
    const prefix = ids(300)
    const tails = [ids(20, 2), ids(45, 3)]
    const shared = { prefix: await running.share(prefix), length: 300 }
    for (const tail of tails) {
      const whole = Int32Array.from([...prefix, ...tail])
      const behind = await running.acquire({ cells: 400, shared })
      const before = running.stats().tokensDecoded
      const fast = await behind.decodeText(whole, { ...LAST(whole), keep: 'whole' })
      expect(fast.cached).toBe(300)
      expect(running.stats().tokensDecoded - before).toBe(tail.length)
      const alone = await running.acquire({ cells: 400 })
      const slow = await alone.decodeText(whole, LAST(whole))
      expect(fast.greedy).toEqual(slow.greedy)
      fast.named.forEach((value, i) => {
        expect(value).toBeCloseTo(slow.named[i] as number, digits(4))
      })
      behind.release()
      alone.release()
    }
  })

  it('go back to an earlier position and on from there as if nothing had been behind it', async () => {
    const running = await engine()
    const sequence = await running.acquire({ cells: 1024 })
    const start = ids(50)
    await sequence.decodeText(start, LAST(start))
    const wrong = ids(30, 7)
    await sequence.decodeText(wrong, LAST(wrong))
    expect(sequence.length).toBe(80)
    const right = ids(10, 8)
    const after = await sequence.decodeText(right, { ...LAST(right), keep: 50 })
    expect(sequence.length).toBe(60)
    const fresh = await running.acquire({ cells: 1024 })
    const whole = Int32Array.from([...start, ...right])
    const expected = await fresh.decodeText(whole, LAST(whole))
    after.named.forEach((value, i) => {
      expect(value).toBeCloseTo(expected.named[i] as number, digits(4))
    })
  })

  it('decode requests in the order they are made, without waiting for each', async () => {
    const running = await engine()
    const one = await running.acquire({ cells: 512 })
    const parts = [ids(33, 1), ids(1, 2), ids(60, 3)]
    const results = await Promise.all(parts.map((part) => one.decodeText(part, LAST(part))))
    const other = await running.acquire({ cells: 512 })
    const whole = Int32Array.from(parts.flatMap((part) => [...part]))
    const expected = await other.decodeText(whole, LAST(whole))
    expect(results[2]?.greedy).toEqual(expected.greedy)
  })

  it('have released cells free for others', async () => {
    const running = await engine()
    for (let i = 0; i < 12; i++) {
      const sequence = await running.acquire({ cells: 1024 })
      const tokens = ids(1000, i)
      await sequence.decodeText(tokens, LAST(tokens))
      sequence.release()
    }
    expect(running.stats().openSequences).toBe(0)
  })

  it('read more positions than one decode may have outputs', async () => {
    const running = await engine({ maxOutputs: 8 })
    const sequence = await running.acquire({ cells: 512 })
    const tokens = ids(100)
    const all = await sequence.decodeText(tokens, {
      read: Int32Array.from(tokens.keys()),
      named: Int32Array.of(41),
    })
    expect(all.greedy).toHaveLength(100)
    expect(all.passes).toBe(13)
    const last = await sequence.decodeText(tokens, { ...LAST(tokens), keep: 0 })
    expect(all.greedy[99]).toBe(last.greedy[0])
  })
})

describe('a tick', () => {
  it('packs the waiting tokens of all sequences into one decode', async () => {
    const running = await engine()
    const sequences = await Promise.all([1, 2, 3, 4].map(() => running.acquire({ cells: 100 })))
    const before = running.stats().ticks
    const tokens = ids(20)
    await Promise.all(sequences.map((sequence) => sequence.decodeText(tokens, LAST(tokens))))
    // The first may be under way before the others are submitted.
    expect(running.stats().ticks - before).toBeLessThanOrEqual(2)
  })

  it('gives a prefill its slice however many streams there are', async () => {
    const running = await engine({ batchSize: 64, maxOutputs: 64, prefillTokens: 64 })
    const [prefill, ...streams] = await Promise.all(
      [512, 256, 256].map((cells) => running.acquire({ cells })),
    )
    let done = false
    const waiting = prefill!.decodeText(ids(200), LAST(ids(200))).then(() => {
      done = true
    })
    // Each of them asks for a whole batch, again and again, until the prefill is done.
    let rounds = 0
    while (!done && rounds < 60) {
      rounds += 1
      await Promise.all(
        streams.map((stream, i) =>
          stream.decodeText(ids(60, i), { ...LAST(ids(60, i)), keep: 0, priority: 0 }),
        ),
      )
    }
    await waiting
    expect(rounds).toBeLessThan(30)
  })

  it('takes streams before prefills', async () => {
    const running = await engine({ batchSize: 64, maxOutputs: 64 })
    const tokens = ids(1000)
    const [first, second] = [await running.acquire({ cells: 1024 }), await running.acquire({ cells: 1024 })]
    const order: string[] = []
    // Sixteen batches each. Taking turns, the prefill that began first would also end first.
    await Promise.all([
      first.decodeText(tokens, LAST(tokens)).then(() => order.push('prefill')),
      second.decodeText(tokens, { ...LAST(tokens), priority: 0 }).then(() => order.push('stream')),
    ])
    expect(order).toEqual(['stream', 'prefill'])
  })
})

describe('admission', () => {
  it('waits for a free sequence, in order, and refuses when too many wait', async () => {
    const running = await engine()
    const held = await Promise.all([1, 2, 3, 4].map(() => running.acquire({ cells: 100 })))
    const order: number[] = []
    const first = running.acquire({ cells: 100 }).then((sequence) => {
      order.push(1)
      return sequence
    })
    const second = running.acquire({ cells: 100 }).then((sequence) => {
      order.push(2)
      return sequence
    })
    expect(running.stats()).toMatchObject({ queued: 2, openSequences: 4 })
    const refused = await running.acquire({ cells: 100 }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(GuardBusyError)
    expect((refused as GuardBusyError).retryAfterMs).toBeGreaterThan(0)
    held[0]?.release()
    await first
    held[1]?.release()
    await second
    expect(order).toEqual([1, 2])
  })

  it('waits for cells, not only for a sequence', async () => {
    const running = await engine({ cells: 1536 })
    const big = await running.acquire({ cells: 1000 })
    let admitted = false
    const waiting = running.acquire({ cells: 600 }).then(() => {
      admitted = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(admitted).toBe(false)
    big.release()
    await waiting
  })

  it('refuses at once what no sequence could hold', async () => {
    const running = await engine()
    const error = await running.acquire({ cells: 1025 }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TooLongError)
    expect(error).toMatchObject({ tokens: 1025, limit: 1024 })
  })

  it('lets go of a caller that aborts while it waits', async () => {
    const running = await engine({ maxSequences: 1, maxOutputs: 64 })
    const held = await running.acquire({ cells: 10 })
    const abort = new AbortController()
    const waiting = running.acquire({ cells: 10, signal: abort.signal })
    abort.abort(new Error('changed my mind'))
    await expect(waiting).rejects.toThrow('changed my mind')
    expect(running.stats().queued).toBe(0)
    held.release()
    await running.acquire({ cells: 10 })
  })
})

describe('abort and close', () => {
  it('rejects a running request with the reason, and the sequence works on', async () => {
    const running = await engine()
    const sequence = await running.acquire({ cells: 1024 })
    const start = ids(20)
    await sequence.decodeText(start, LAST(start))
    const abort = new AbortController()
    const long = ids(900, 5)
    const decoding = sequence.decodeText(long, { ...LAST(long), signal: abort.signal })
    abort.abort(new Error('stop'))
    await expect(decoding).rejects.toThrow('stop')
    expect(sequence.length).toBe(20)
    const next = ids(5, 6)
    const after = await sequence.decodeText(next, LAST(next))
    const fresh = await running.acquire({ cells: 1024 })
    const whole = Int32Array.from([...start, ...next])
    expect(after.greedy).toEqual((await fresh.decodeText(whole, LAST(whole))).greedy)
  })

  it('fails what is not decoded yet with GuardClosedError, and what comes later too', async () => {
    const running = await engine()
    const sequence = await running.acquire({ cells: 1024 })
    const tokens = ids(1000)
    const pending = [0, 0, 0, 0].map((keep) => sequence.decodeText(tokens, { ...LAST(tokens), keep }))
    const outcomes = Promise.allSettled(pending)
    await Promise.all([running.close(), running.close()])
    for (const outcome of await outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(GuardClosedError)
    }
    expect((await outcomes).at(-1)?.status).toBe('rejected')
    await expect(sequence.decodeText(tokens, { ...LAST(tokens), keep: 0 })).rejects.toBeInstanceOf(
      GuardClosedError,
    )
    await expect(running.acquire({ cells: 1 })).rejects.toBeInstanceOf(GuardClosedError)
  })

  it('keeps the weights while an engine uses them', async () => {
    const copy = path.join(directory, 'own.gguf')
    await copyFile(await fixtureModel('gen-f32-tied'), copy)
    const own = await Model.load(copy, { gpu: GPU })
    const running = await Engine.create(own, OPTIONS)
    own.close()
    own.close()
    const sequence = await running.acquire({ cells: 64 })
    const tokens = ids(30)
    await expect(sequence.decodeText(tokens, LAST(tokens))).resolves.toBeDefined()
    expect(() => own.native).toThrow(GuardClosedError)
    await running.close()
  })
})

describe('numbers that are not finite', () => {
  for (const fixture of ['gen-f32-tied', 'stream-f32-tied'] as const) {
    it(`fail the request, never pass for a verdict (${fixture})`, async () => {
      const file = path.join(directory, `${fixture}-nan.gguf`)
      await copyFile(await fixtureModel(fixture), file)
      const norm = (await readGguf(file)).tensors.find(({ name }) => name === 'output_norm.weight')
      const handle = await open(file, 'r+')
      await handle.write(new Uint8Array(new Float32Array([Number.NaN]).buffer), 0, 4, norm?.offset)
      await handle.close()
      const broken = await Model.load(file, { gpu: GPU })
      const running = await Engine.create(broken, { ...OPTIONS, unified: false })
      const sequence = await running.acquire({ cells: 64 })
      const tokens = ids(10)
      const decoding =
        fixture === 'gen-f32-tied'
          ? sequence.decodeText(tokens, LAST(tokens))
          : sequence.decodeHeads(tokens, LAST(tokens))
      await expect(decoding).rejects.toBeInstanceOf(DecodeError)
      await running.close()
      broken.close()
    })
  }
})

describe('guard heads', () => {
  it('are read at exactly the positions asked for, across decodes', async () => {
    const stream = await Model.load(await fixtureModel('stream-f32-tied'), { gpu: GPU })
    const running = await Engine.create(stream, { ...OPTIONS, unified: false, batchSize: 64, maxOutputs: 64 })
    const width = stream.native.headOutputs
    expect(width).toBe(3 + 8 + 3 + 9)
    const tokens = ids(200)
    const one = await running.acquire({ cells: 256 })
    const all = await one.decodeHeads(tokens, { read: Int32Array.from(tokens.keys()) })
    const two = await running.acquire({ cells: 256 })
    const read = Int32Array.of(0, 63, 64, 130, 199)
    const some = await two.decodeHeads(tokens, { read })
    expect(some.heads).toHaveLength(read.length * width)
    read.forEach((position, i) => {
      for (let k = 0; k < width; k++) {
        expect(some.heads[i * width + k]).toBeCloseTo(all.heads[position * width + k] as number, digits(4))
      }
    })
    const none = await two.decodeHeads(ids(3, 9), { read: new Int32Array(0) })
    expect(none.heads).toHaveLength(0)
    expect(two.length).toBe(203)
    await running.close()
    stream.close()
  })
})

it('runs 256 sequences in one engine', async () => {
  const running = await engine({ maxSequences: 256, cells: 256 * 32, maxOutputs: 256 })
  const tokens = ids(16)
  const results = await Promise.all(
    Array.from({ length: 256 }, async () => {
      const sequence = await running.acquire({ cells: 32 })
      return sequence.decodeText(tokens, LAST(tokens))
    }),
  )
  expect(new Set(results.map(({ greedy }) => greedy[0])).size).toBe(1)
})

describe('Model.load', () => {
  it('reads a file once however often it is loaded', async () => {
    const again = await Model.load(model.path, { gpu: GPU })
    expect(again.native).toBe(model.native)
    again.close()
    expect(model.native.vocabSize).toBeGreaterThan(0)
  })

  it('rejects with the reason when aborted, and with a typed error for no file', async () => {
    const reason = new Error('not now')
    await expect(Model.load(model.path, { gpu: GPU, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const missing = Model.load(path.join(directory, 'none.gguf'), { gpu: GPU })
    await expect(missing).rejects.toBeInstanceOf(ModelFileError)
    await expect(missing).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' })
  })

  it('rejects with what the progress listener throws', async () => {
    const copy = path.join(directory, 'progress.gguf')
    await copyFile(await fixtureModel('gen-f32-tied'), copy)
    const loading = Model.load(copy, {
      gpu: GPU,
      onProgress: () => {
        throw new Error('listener')
      },
    })
    await expect(loading).rejects.toThrow('listener')
  })
})
