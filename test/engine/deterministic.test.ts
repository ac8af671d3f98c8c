import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadBinding } from '../../lib/binding/addon.js'
import { GenGuard, type Message, StreamGuard } from '../../lib/index.js'
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
