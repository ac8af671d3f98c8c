import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadBinding } from '../../lib/binding/addon.js'
import { Engine } from '../../lib/engine/engine.js'
import { Model } from '../../lib/engine/model.js'
import { GenGuard, type Message, StreamGuard } from '../../lib/index.js'
import { fixtureModel } from '../support/fixture-model.js'
import { cut, INPUTS, type StreamVerdict, said, shuffled, streamed, TEXTS } from '../support/judged-beside.js'

// A cache in f32 is read by kernels whose sums depend on how many tokens there are, whatever the CPU.
const OPTIONS = { gpu: false, threads: 1, kvType: 'f32', deterministic: true } as const
const some = INPUTS.slice(0, 24)
const texts = TEXTS.slice(0, 12)

describe('with deterministic: true, where the kernels do not give it', () => {
  describe('Gen', () => {
    let guard: GenGuard
    const alone: ReturnType<typeof said>[] = []
    beforeAll(async () => {
      guard = await GenGuard.load({ ...OPTIONS, model: 'demo-gen' })
      const other = await GenGuard.load({ ...OPTIONS, model: 'demo-gen', maxSequences: 1 })
      for (const input of some) alone.push(said(await other.classify(input)))
      await other.close()
    }, 180_000)
    afterAll(async () => await guard?.close())

    it('says the same, to the last bit, all at once, in another order, after others', async () => {
      expect(guard.determinism).toBe('pinned')
      const verdicts = await Promise.all(
        shuffled(some).map(async ([input, i]) => ({ i, verdict: said(await guard.classify(input)) })),
      )
      for (const { i, verdict } of verdicts) expect({ i, ...verdict }).toEqual({ i, ...alone[i] })
    }, 180_000)

    it('computes what texts begin with once all the same, in slices that come out alike', async () => {
      const before = 'Mix flour and water, and wait until it has risen. '.repeat(20)
      await guard.classify(`${before}How do I bake bread?`)
      const { usage } = await guard.classify(`${before}How do I bake a cake?`)
      expect(usage.cachedTokens).toBeGreaterThan(0)
      expect(usage.cachedTokens % 128).toBe(0)
    })
  })

  it('takes up nothing that was computed in slices cut short by their outputs', async () => {
    const model = await Model.load(await fixtureModel('gen-f32-tied'), { gpu: false })
    const engine = () =>
      Engine.create(model, {
        contextSize: 512,
        maxSequences: 1,
        cells: 512,
        unified: false,
        maxQueue: 2,
        batchSize: 64,
        maxOutputs: 7,
        prefillTokens: 64,
        offloads: false,
        alone: { whole: 32, following: 8 },
        keeps: true,
        threads: 1,
        kvType: 'f32',
        flashAttention: false,
      })
    const tokens = Int32Array.from({ length: 200 }, (_, i) => 40 + ((i * 37) % 400))
    const last = { keep: 'whole', read: Int32Array.of(199), named: Int32Array.of(41, 42, 43) } as const
    const [used, fresh] = [await engine(), await engine()]
    const sequence = await used.acquire({ cells: 256 })
    // More outputs than a decode has room for, in the third slice and those behind it.
    const read = Int32Array.from({ length: 100 }, (_, i) => 70 + i)
    await sequence.decodeText(tokens.slice(0, 190), { ...last, read })
    const after = await sequence.decodeText(tokens, last)
    expect(after.cached).toBe(64)
    const expected = await (await fresh.acquire({ cells: 256 })).decodeText(tokens, last)
    expect(after.named).toEqual(expected.named)
    await Promise.all([used.close(), fresh.close()])
  })

  it('Stream says the same of many replies at once, each cut anew, and in a conversation', async () => {
    const load = () => StreamGuard.load({ ...OPTIONS, model: 'demo-stream' })
    const [guard, other] = [await load(), await load()]
    const alone: StreamVerdict[] = []
    const prompts: Message[][] = texts.map((text) => [{ role: 'user', content: text.slice(0, 200) }])
    for (const [i, text] of texts.entries())
      alone.push(await streamed(other, prompts[i] as Message[], [text]))
    await other.close()
    const verdicts = await Promise.all(
      shuffled(texts).map(async ([text, i]) => ({
        i,
        verdict: await streamed(guard, prompts[i] as Message[], cut(text)),
      })),
    )
    for (const { i, verdict } of verdicts) expect({ i, ...verdict }).toEqual({ i, ...alone[i] })

    // A second turn is judged in the sequence that has the first one.
    const conversation = await guard.conversation()
    const first = await conversation.open(texts[0] as string)
    await first.push(texts[1] as string)
    await first.end()
    await first.close()
    const second = await conversation.open(texts[2] as string)
    await second.close()
    const messages = [...conversation.messages]
    await conversation.close()
    const whole = await guard.classifyPrompt(messages)
    expect(second.prompt).toEqual(whole)
    await guard.close()
  }, 180_000)
})

describe('determinism', () => {
  it('costs nothing where the kernels give it in any case, and is off by default elsewhere', async () => {
    const free = process.arch === 'x64' && loadBinding().ownAttention() && !amx()
    for (const [options, expected] of [
      [{}, free ? 'always' : 'off'],
      [{ deterministic: true }, free ? 'always' : 'pinned'],
      [{ kvType: 'f32' }, 'off'],
    ] as const) {
      const guard = await StreamGuard.load({ gpu: false, model: 'demo', maxSequences: 1, ...options })
      expect(guard.determinism).toBe(expected)
      await guard.close()
    }
  })
})

function amx(): boolean {
  return loadBinding().instructionSets().build.includes('amx_tile')
}
