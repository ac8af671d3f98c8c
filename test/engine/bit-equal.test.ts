import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadBinding } from '../../lib/binding/addon.js'
import {
  GenGuard,
  type GenVerdict,
  type Message,
  type PromptVerdict,
  StreamGuard,
  type TokenVerdict,
} from '../../lib/index.js'
import { SENTENCES, seeded } from '../support/texts.js'

const OPTIONS = { gpu: false, threads: 2 } as const
const random = seeded(18)
const pick = (): string => SENTENCES[Math.floor(random() * SENTENCES.length)] as string

/** Texts of one to a dozen sentences. */
const TEXTS = Array.from({ length: 120 }, () =>
  Array.from({ length: 1 + Math.floor(random() ** 3 * 12) }, pick).join(' '),
)
/** Conversations, of which every other one begins like the one before it. */
const INPUTS: Message[][] = TEXTS.map((text, i) => {
  const prompt: Message = { role: 'user', content: text }
  if (i % 3 === 0) return [prompt]
  const reply: Message = { role: 'assistant', content: pick() }
  return i % 3 === 1 ? [prompt, reply] : [prompt, reply, { role: 'user', content: pick() }]
})
const shuffled = <T>(items: readonly T[]): [T, number][] =>
  items
    .map((item, i): [T, number, number] => [item, i, random()])
    .sort((a, b) => a[2] - b[2])
    .map(([item, i]) => [item, i])

const said = ({ text, scores, usage }: GenVerdict) => ({ text, scores, leastMargin: usage.leastMargin })

interface StreamVerdict {
  prompt: PromptVerdict
  tokens: TokenVerdict[]
}

async function streamed(guard: StreamGuard, input: Message[], deltas: string[]): Promise<StreamVerdict> {
  const moderation = await guard.open(input)
  try {
    const tokens: TokenVerdict[] = []
    for (const delta of deltas) tokens.push(...(await moderation.push(delta)))
    tokens.push(...(await moderation.end()).rest)
    return { prompt: moderation.prompt, tokens }
  } finally {
    await moderation.close()
  }
}

function cut(text: string): string[] {
  const deltas: string[] = []
  for (let at = 0; at < text.length; ) {
    const size = 1 + Math.floor(random() ** 2 * 30)
    deltas.push(text.slice(at, at + size))
    at += size
  }
  return deltas
}

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
