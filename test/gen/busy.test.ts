import { afterEach, describe, expect, it } from 'vitest'
import { DecodeError, GenGuard, GuardBusyError, GuardClosedError, type LoadOptions } from '../../lib/index.js'
import { GPU } from '../support/gpu.js'

let guard: GenGuard

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
    // Nothing of the aborted one was decoded behind its back, but for what was in hand.
    expect(guard.stats().tokensDecoded - tokensDecoded).toBeLessThan(3000 + 1500)
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

it('closes with parked, running and queued checks', async () => {
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
