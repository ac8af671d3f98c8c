import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { DecodeError, GenGuard, GuardBusyError, GuardClosedError, type LoadOptions } from '../../lib/index.js'
import { GPU } from '../support/gpu.js'

let guard: GenGuard

const OFFICIAL_TEMPLATE = path.join(import.meta.dirname, '../fixtures/rendered/gen_template.jinja')

async function load(options: Omit<LoadOptions, 'model'>): Promise<void> {
  guard = await GenGuard.load({ gpu: GPU, model: 'demo-gen', ...options })
}

afterEach(() => guard?.close())

/** A prompt of about so many tokens. The demonstration model may have no verdict about it. */
const words = (count: number) => 'word '.repeat(count)

const tick = () => new Promise((resolve) => setTimeout(resolve, 1))

/** Waits until so many decodes more have run. */
async function ticks(count: number): Promise<void> {
  const goal = guard.stats().ticks + count
  while (guard.stats().ticks < goal) await tick()
}

describe('many checks at once', () => {
  it('lets short checks pass a long one that began before them', async () => {
    await load({ contextSize: 6000 })
    await guard.classify('Hello')
    const settled: string[] = []
    const note = (name: string) => () => settled.push(name)
    const long = guard.classify(words(5500)).then(note('long'), note('long'))
    await ticks(1)
    const shorts = ['one', 'two', 'three', 'four'].map((text) => guard.classify(text).then(note(text)))
    await Promise.all([long, ...shorts])
    expect(settled).toHaveLength(5)
    expect(settled.at(-1)).toBe('long')
  })

  it('sits a full queue out in classifyAll', async () => {
    await load({ maxQueue: 0 })
    const texts = Array.from({ length: 40 }, (_, i) => `How do I bake bread number ${i}?`)
    let count = 0
    for await (const verdict of guard.classifyAll(texts)) {
      expect(verdict.text).toMatch(/^Safety: /)
      count += 1
    }
    expect(count).toBe(40)
  })

  it('gives up in time where the first check of its mode finds no place', async () => {
    await load({ maxSequences: 4, chatTemplate: readFileSync(OFFICIAL_TEMPLATE, 'utf8') })
    await guard.classify('Hello')
    // All places are taken by prompts; the policy text for replies wants one too.
    const prompts = Array.from({ length: 12 }, (_, i) => guard.classify(words(300 + i)).catch(() => null))
    const reply = [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Hello!' },
    ] as const
    await expect(guard.classify(reply, { queueTimeoutMs: 20 })).rejects.toThrow(GuardBusyError)
    await Promise.all(prompts)
    expect((await guard.classify(reply, { queueTimeoutMs: 60_000 })).text).toMatch(/^Safety: /)
  })

  it('decodes them together', async () => {
    await load({})
    await guard.classify('Hello')
    const texts = Array.from({ length: 12 }, (_, i) => `How do I keep ${i} bees?`)
    const before = guard.stats().ticks
    const verdicts = await Promise.all(texts.map((text) => guard.classify(text)))
    const together = guard.stats().ticks - before
    const passes = verdicts.reduce((sum, { usage }) => sum + usage.passes, 0)
    expect(together).toBeLessThan(passes / 2)
  })

  it('refuses what finds the queue full, and says when to come again', async () => {
    await load({ maxSequences: 1, maxQueue: 2, contextSize: 1024 })
    // All in one turn: none is done before the fourth asks.
    const admitted = [guard.classify('one'), guard.classify('two'), guard.classify('three')]
    const error = await guard.classify('four').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(GuardBusyError)
    expect(error).toMatchObject({ code: 'ERR_BUSY' })
    expect((error as GuardBusyError).retryAfterMs).toBeGreaterThan(0)
    // Nobody who was let in suffers for it, and later there is room again.
    for (const verdict of await Promise.all(admitted)) expect(verdict).toHaveProperty('text')
    await expect(guard.classify('four')).resolves.toHaveProperty('text')
  })
})

describe('the policy text that checks share', () => {
  it('takes its cells once: of ten checks eight are decoded at a time, and not three', async () => {
    const chatTemplate = readFileSync(OFFICIAL_TEMPLATE, 'utf8')
    const contextSize = 1024
    guard = await GenGuard.load(
      { model: 'demo-gen', gpu: GPU, chatTemplate, contextSize },
      { drafts: true, engine: { cells: 1536 } },
    )
    const { usage } = await guard.classify('How do I keep bees?')
    const policy = guard.stats().cellsUsed
    expect(policy).toBeGreaterThan(200)
    expect(guard.stats()).toMatchObject({ openSequences: 1, cellsFree: 1536 - policy })
    const own = usage.promptTokens + 128 - policy
    const room = Math.floor((1536 - policy) / own)
    expect(room).toBeGreaterThan(2 * Math.floor((1536 - policy) / (own + policy)))
    const checks = Array.from({ length: room + 2 }, () => guard.classify('How do I keep bees?'))
    const outcomes = Promise.all(checks)
    // Two of them wait: the others have their cells, and do not end before they are decoded.
    await expect.poll(() => guard.stats().queued, { interval: 1 }).toBe(2)
    const { openSequences, cellsUsed, cellsFree } = guard.stats()
    expect(openSequences).toBe(1 + room)
    expect(cellsUsed).toBeLessThanOrEqual(policy + room * own)
    expect(cellsUsed + cellsFree).toBe(1536)
    for (const { safety } of await outcomes) expect(safety).toBe('Safe')
    expect(guard.stats()).toMatchObject({ openSequences: 1, cellsUsed: policy, queued: 0 })
  })
})

describe('an abort', () => {
  it('frees the cells of a running check for one that needs them', async () => {
    await load({ maxSequences: 2, contextSize: 4000 })
    const controller = new AbortController()
    const running = guard.classify(words(3500), { signal: controller.signal })
    running.catch(() => {})
    await ticks(1)
    const waiting = guard.classify(words(3000)).catch((error: unknown) => error)
    while (guard.stats().queued === 0) await tick()
    const { tokensDecoded } = guard.stats()
    controller.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    expect(guard.stats()).toMatchObject({ queued: 0, openSequences: 1 })
    // The demonstration model need not have a verdict about it, but there must be cells for all of it.
    expect(await waiting).not.toBeInstanceOf(DecodeError)
    // Nothing of the aborted one was decoded behind its back, but for what was in hand: on a GPU up to a batch.
    const inHand = GPU === false ? 1500 : 2048
    expect(guard.stats().tokensDecoded - tokensDecoded).toBeLessThan(3000 + inHand)
    await expect(guard.classify('Hello')).resolves.toHaveProperty('text')
    expect(guard.stats()).toMatchObject({ queued: 0, openSequences: 0, cellsUsed: 0, cellsFree: 4000 })
  })

  it('takes a queued check out of the way of those behind it', async () => {
    await load({ maxSequences: 2, contextSize: 4000 })
    const running = guard.classify(words(3300)).catch(() => 'done')
    await ticks(1)
    const controller = new AbortController()
    const queued = guard.classify(words(3000), { signal: controller.signal })
    queued.catch(() => {})
    while (guard.stats().queued === 0) await tick()
    let passed = false
    const behind = guard.classify('Hello').then((verdict) => {
      passed = true
      return verdict
    })
    while (guard.stats().queued === 1) await tick()
    expect(passed).toBe(false)
    controller.abort(new Error('enough'))
    await expect(queued).rejects.toThrow('enough')
    // It fits beside the long one, which it no longer has to wait for.
    await expect.poll(() => guard.stats()).toMatchObject({ queued: 0, openSequences: 2 })
    await expect(behind).resolves.toHaveProperty('text')
    await running
  })

  it('of many checks at any moment leaves the guard as it was', async () => {
    await load({ contextSize: 1024 })
    const before = (await guard.classify('Hello')).text
    for (let round = 0; round < 6; round++) {
      const controllers = Array.from({ length: 24 }, () => new AbortController())
      const checks = controllers.map(({ signal }, i) => guard.classify(`Hello ${words(i * 8)}`, { signal }))
      const outcomes = Promise.allSettled(checks)
      for (const [i, controller] of controllers.entries()) {
        if (i % 4 === round % 4) await tick()
        if (i % 3 > 0) controller.abort(new Error('enough'))
      }
      for (const [i, outcome] of (await outcomes).entries()) {
        if (outcome.status === 'rejected' && i % 3 > 0) {
          expect(outcome.reason.message).toMatch(/enough|format/)
        }
      }
    }
    // The policy text of prompts alone.
    expect(guard.stats()).toMatchObject({ queued: 0, openSequences: 1 })
    expect((await guard.classify('Hello')).text).toBe(before)
  })
})

it('closes with kept, running and queued checks', async () => {
  await load({ maxSequences: 2, contextSize: 2048 })
  await guard.classify('Hello')
  const checks = [words(1800), words(1500), 'x'].map((text) => guard.classify(text))
  const outcomes = Promise.allSettled(checks)
  await tick()
  await guard.close()
  for (const outcome of await outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(GuardClosedError)
  }
  await expect(guard.classify('Hello')).rejects.toThrow(GuardClosedError)
})
