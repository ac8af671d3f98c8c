import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadBinding } from '../../lib/binding/addon.js'
import { GenGuard, type Message, StreamGuard } from '../../lib/index.js'
import { cut, INPUTS, type StreamVerdict, said, shuffled, streamed, TEXTS } from '../support/judged-beside.js'

const OPTIONS = { gpu: false, threads: 2 } as const
// The types that a demonstration model has, Q8_0 and f32, are multiplied by kernels of our own on x86 with AVX2.
describe.runIf(process.arch === 'x64' && loadBinding().ownAttention())(
  'numbers do not depend on what is judged beside',
  () => {
    describe('Gen', () => {
      let guard: GenGuard
      const alone: ReturnType<typeof said>[] = []
      beforeAll(async () => {
        guard = await GenGuard.load({ ...OPTIONS, model: 'demo-gen' })
        // One at a time, without drafts and without anything that was computed before.
        const plain = await GenGuard.load(
          { ...OPTIONS, threads: 1, model: 'demo-gen', maxSequences: 1 },
          { drafts: false, reuse: false },
        )
        for (const input of INPUTS) alone.push(said(await plain.classify(input)))
        await plain.close()
      }, 180_000)
      afterAll(async () => await guard?.close())

      it.each([1, 2])(
        'all at once, in another order each time, after a history: round %i',
        async () => {
          const verdicts = await Promise.all(
            shuffled(INPUTS).map(async ([input, i]) => ({ i, verdict: said(await guard.classify(input)) })),
          )
          for (const { i, verdict } of verdicts) expect({ i, ...verdict }).toEqual({ i, ...alone[i] })
        },
        180_000,
      )
    })

    describe('Stream', () => {
      let guard: StreamGuard
      const alone: StreamVerdict[] = []
      const prompts: Message[][] = TEXTS.map((text) => [{ role: 'user', content: text.slice(0, 200) }])
      beforeAll(async () => {
        guard = await StreamGuard.load({ ...OPTIONS, model: 'demo-stream' })
        const plain = await StreamGuard.load({
          ...OPTIONS,
          threads: 1,
          model: 'demo-stream',
          maxSequences: 1,
        })
        for (const [i, text] of TEXTS.entries())
          alone.push(await streamed(plain, prompts[i] as Message[], [text]))
        await plain.close()
      }, 180_000)
      afterAll(async () => await guard?.close())

      it('many at once, each reply cut anew', async () => {
        const verdicts = await Promise.all(
          shuffled(TEXTS).map(async ([text, i]) => ({
            i,
            verdict: await streamed(guard, prompts[i] as Message[], cut(text)),
          })),
        )
        for (const { i, verdict } of verdicts) expect({ i, ...verdict }).toEqual({ i, ...alone[i] })
      }, 180_000)
    })
  },
)
