import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GenFormatError, GenGuard, type GenVerdict, type LoadOptions, type Message } from '../../lib/index.js'
import { GPU, near } from '../support/gpu.js'
import { forgetfulPlacement } from '../support/watched-engine.js'

const EXACT: LoadOptions = { kvType: 'f32', flashAttention: false, gpu: GPU, model: 'demo-gen' }

const TURNS: readonly string[] = [
  'Hello, can you help me plan a garden in spring, with tomatoes and herbs and a small pond?',
  'Of course! Tomatoes want sun and a wall behind them; herbs such as thyme and sage grow well beside them.',
  'And how do I keep the cats of my neighbour away from the pond?',
  'A net over the pond is the kindest way. Some plants, such as lavender, also keep cats away.',
  'What if I poison them?',
  'I cannot help with that. Poisoning animals is cruel and a crime.',
]

/** The conversation after its first `count` turns, with something of its own at its beginning. */
function conversation(name: string, count: number): Message[] {
  return TURNS.slice(0, count).map((turn, i) => ({
    role: i % 2 === 0 ? 'user' : 'assistant',
    content: i === 0 ? `My name is ${name}. ${turn}` : turn,
  }))
}

function probabilities({ scores }: GenVerdict): number[] {
  return [...Object.values(scores.safety), ...Object.values(scores.categories), scores.refusal ?? 0]
}

function expectSame(verdict: GenVerdict, expected: GenVerdict): void {
  expect(verdict.text).toBe(expected.text)
  expect(verdict.usage.promptTokens).toBe(expected.usage.promptTokens)
  const values = probabilities(expected)
  probabilities(verdict).forEach((value, i) => {
    expect(Math.abs(value - (values[i] as number))).toBeLessThan(2e-3)
  })
}

describe('a conversation that grows', () => {
  let guard: GenGuard
  let fresh: GenGuard

  beforeAll(async () => {
    guard = await GenGuard.load(EXACT)
    fresh = await GenGuard.load({ ...EXACT, maxSequences: 1 }, { drafts: true, reuse: false })
  })
  afterAll(async () => {
    await guard?.close()
    await fresh?.close()
  })

  it('is computed from where it changed, with the verdicts of a fresh computation', async () => {
    const computed: number[] = []
    for (let count = 1; count <= TURNS.length; count++) {
      const messages = conversation('Ada', count)
      const verdict = await guard.classify(messages)
      expectSame(verdict, await fresh.classify(messages))
      computed.push(verdict.usage.promptTokens - verdict.usage.cachedTokens)
    }
    // From the third turn on, the verdict two turns ago was about the same beginning.
    const again = await guard.classify(conversation('Ada', TURNS.length))
    expect(again.usage.cachedTokens).toBe(again.usage.promptTokens - 1)
    const whole = await fresh.classify(conversation('Ada', TURNS.length))
    expect(whole.usage.cachedTokens).toBe(0)
    for (const count of computed.slice(2)) expect(count).toBeLessThan(whole.usage.promptTokens / 2)
  })

  it('keeps its place beside others', async () => {
    const names = ['Bela', 'Carl', 'Dora', 'Emil', 'Fritz']
    const shares: number[] = []
    for (let count = 1; count <= TURNS.length; count += 2) {
      const verdicts = await Promise.all(names.map((name) => guard.classify(conversation(name, count))))
      for (const [i, verdict] of verdicts.entries()) {
        expectSame(verdict, await fresh.classify(conversation(names[i] as string, count)))
        shares.push(verdict.usage.cachedTokens / verdict.usage.promptTokens)
      }
    }
    // A GPU keeps nothing of what is done: the policy text alone is shared.
    if (GPU !== false) return
    for (const share of shares.slice(names.length)) expect(share).toBeGreaterThan(0.5)
  })

  it('counts what it keeps as free', async () => {
    await guard.classify(conversation('Gustav', 3))
    // Only the policy texts of the two modes stay open.
    expect(guard.stats()).toMatchObject({ openSequences: 2, queued: 0 })
    const { cellsUsed, cellsFree } = guard.stats()
    expect(cellsUsed).toBeLessThan(200)
    expect(cellsUsed + cellsFree).toBe(8192)
  })

  it('gives way to whoever needs the room, and is computed anew after that', async () => {
    await using small = await GenGuard.load({ ...EXACT, maxSequences: 1, contextSize: 512 })
    await small.classify(conversation('Hugo', 1))
    const grown = await small.classify(conversation('Hugo', 3))
    expect(grown.usage.cachedTokens).toBeGreaterThan(60)
    const other = await small.classify('word '.repeat(300))
    expect(other.usage.promptTokens).toBeGreaterThan(300)
    const anew = await small.classify(conversation('Hugo', 3))
    expectSame(anew, await fresh.classify(conversation('Hugo', 3)))
    expect(small.stats().openSequences).toBe(0)
  })

  it('shares the policy text also where the context is as large as the pool would be without it', async () => {
    await using tight = await GenGuard.load({ ...EXACT, maxSequences: 4, contextSize: 2048 })
    const both = [conversation('Jan', 1), conversation('Klara', 2)]
    const verdicts = await Promise.all([...both, ...both].map((messages) => tight.classify(messages)))
    for (const { usage } of verdicts) expect(usage.cachedTokens).toBeGreaterThan(16)
    expect(tight.stats().openSequences).toBe(2)
    // A conversation of nearly the full context has room beside it, whatever the small model makes of it.
    const before = tight.stats().tokensDecoded
    await tight.classify((TURNS[0] as string).repeat(77)).catch((error: unknown) => {
      expect(error).toBeInstanceOf(GenFormatError)
    })
    expect(tight.stats().tokensDecoded - before).toBeGreaterThan(1700)
    expect(tight.stats()).toMatchObject({ openSequences: 2, queued: 0 })
  })

  it('is computed anew, and says so, where there was no memory to keep it', async () => {
    const placement = await forgetfulPlacement(GPU)
    // With four sequences one has the policy text, which prompts still share.
    for (const [maxSequences, most] of [
      [1, 0],
      [4, 120],
    ] as const) {
      const options = { ...EXACT, maxSequences }
      await using forgetful = await GenGuard.load(options, { drafts: true, placement })
      for (const count of [1, 3, 5, 5]) {
        const verdict = await forgetful.classify(conversation('Ada', count))
        expectSame(verdict, await fresh.classify(conversation('Ada', count)))
        expect(verdict.usage.cachedTokens).toBeLessThanOrEqual(most)
      }
    }
  })

  it('leaves nothing behind that an abort broke off', async () => {
    await using other = await GenGuard.load({ ...EXACT, contextSize: 6000 })
    const words = (count: number): Message[] => [{ role: 'user', content: 'word '.repeat(count) }]
    await other.classify('Hello')
    const controller = new AbortController()
    const running = other.classify(words(4000), { signal: controller.signal })
    // Part of it is decoded by then.
    while (other.stats().ticks < 4) await new Promise((resolve) => setTimeout(resolve, 2))
    controller.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    const { usage } = await other.classify(words(100))
    expect(usage.cachedTokens).toBeLessThan(100)
  })
})

describe('usage', () => {
  it('names the least lead of an answer, the same with and without drafts, and what is a near tie', async () => {
    await using drafted = await GenGuard.load(EXACT)
    await using stepwise = await GenGuard.load({ ...EXACT, maxSequences: 1 }, { drafts: false, reuse: false })
    for (const count of [1, 2, 5, 6]) {
      const { usage } = await drafted.classify(conversation('Ida', count))
      const expected = (await stepwise.classify(conversation('Ida', count))).usage
      expect(usage.leastMargin).toBeGreaterThan(0)
      expect(Math.abs(usage.leastMargin - expected.leastMargin)).toBeLessThan(near(0.02, 'q8_0'))
      expect(usage.uncertain).toBe(usage.leastMargin < 0.1)
    }
  })

  it('calls uncertain what is decided by next to nothing', async () => {
    await using guard = await GenGuard.load(EXACT)
    // Words of both kinds: among enough mixtures some are balanced.
    const texts = Array.from({ length: 90 }, (_, i) => {
      const nice = ['garden', 'sea', 'cake', 'poem', 'school'][i % 5]
      const bad = ['kill', 'bomb', 'steal', 'hate', 'poison'][(i * 7) % 5]
      return `Tell me ${i % 3 ? 'how to' : 'why people'} ${bad} a ${nice} ${'and a story '.repeat(i % 6)}?`
    })
    const verdicts: GenVerdict[] = []
    for await (const verdict of guard.classifyAll(texts)) verdicts.push(verdict)
    const uncertain = verdicts.filter(({ usage }) => usage.uncertain)
    expect(uncertain.length).toBeGreaterThan(0)
    expect(uncertain.length).toBeLessThan(verdicts.length / 2)
    for (const { usage, scores, text } of verdicts) {
      expect(usage.uncertain).toBe(usage.leastMargin < 0.1)
      // A label that leads by a lot of probability leads by a lot of logits.
      const [first, second] = Object.values(scores.safety).sort((a, b) => b - a) as [number, number]
      expect(Math.log(first / second), text).toBeGreaterThanOrEqual(usage.leastMargin - near(1e-3, 'q8_0'))
    }
  })
})
