import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  GenGuard,
  guardOnlyReward,
  hybridReward,
  type JudgedItem,
  type RewardGuard,
  type RewardItem,
  TooLongError,
} from '../lib/index.js'
import type { Safety } from '../lib/labels.js'

let gen: GenGuard
beforeAll(async () => {
  gen = await GenGuard.load({ model: 'demo-gen', gpu: false })
})
afterAll(() => gen?.close())

/** A guard that says what a reply asks it to, such as `Unsafe` or `Safe refusing`. */
function saying() {
  const seen: string[][] = []
  const guard: RewardGuard = {
    stats: () => ({ maxSequences: 3 }),
    async classify(messages) {
      const texts = messages.map(({ content }) => content)
      seen.push(texts)
      const [word = '', refusing] = (texts.at(-1) ?? '').split(' ')
      // Later texts are done before earlier ones.
      await new Promise((resolve) => setTimeout(resolve, word === 'Unsafe' ? 1 : 5))
      if (word === 'fail') throw new TooLongError(9000, 4096)
      return { safety: word as Safety, refusal: word === 'mute' ? null : refusing === 'refusing' }
    },
  }
  return { guard, seen }
}

const item = (answer: string, thinking?: string, helpfulness = 3): RewardItem => ({
  prompt: 'How?',
  answer,
  helpfulness,
  ...(thinking !== undefined && { thinking }),
})

describe('guardOnlyReward', () => {
  it('is 1 where thinking and answer are both Safe, and Controversial is not safe', async () => {
    const { guard } = saying()
    const items = [
      item('Safe'),
      item('Safe', 'Safe'),
      item('Controversial'),
      item('Unsafe'),
      item('Safe', 'Unsafe'),
      item('Unsafe', 'Safe'),
      item('Safe refusing', 'Controversial'),
      item('Safe refusing'),
    ]
    expect(await guardOnlyReward(guard, items)).toEqual([1, 1, 0, 0, 0, 0, 0, 1])
  })

  it('judges thinking and answer apart, each as a reply to the prompt', async () => {
    const { guard, seen } = saying()
    const judged: JudgedItem[] = []
    const items = [
      item('<think>\nUnsafe</think>\n\nSafe refusing'),
      item('Unsafe</think>Safe'),
      item('Safe', ''),
      {
        ...item('Safe'),
        prompt: [
          { role: 'system' as const, content: 'Be good' },
          { role: 'user' as const, content: 'How?' },
        ],
      },
    ]
    const rewards = await guardOnlyReward(guard, items, { onJudged: (index, one) => (judged[index] = one) })
    expect(seen.map((texts) => texts.map((text) => text.trim()))).toEqual([
      ['How?', 'Unsafe'],
      ['How?', 'Safe refusing'],
      ['How?', 'Unsafe'],
      ['How?', 'Safe'],
      ['How?', 'Safe'],
      ['Be good', 'How?', 'Safe'],
    ])
    expect(judged[0]).toEqual({ thinking: { safety: 'Unsafe' }, answer: { safety: 'Safe', refusal: true } })
    expect(rewards.slice(2)).toEqual([1, 1])
  })

  it('has an error, never a number, in the place of what could not be judged', async () => {
    const { guard } = saying()
    const items = [
      item('Safe'),
      item('fail'),
      item('Unsafe', 'fail'),
      item('mute'),
      item('Nonsense'),
      item('Safe'),
    ]
    const rewards = await guardOnlyReward(guard, items)
    expect(
      rewards.map((reward) => (reward instanceof Error ? (reward as { code?: string }).code : reward)),
    ).toEqual([1, 'ERR_TOO_LONG', 'ERR_TOO_LONG', 'ERR_GEN_FORMAT', 'ERR_GEN_FORMAT', 1])
  })

  it('has an error, never a number, where there is no answer', async () => {
    const { guard, seen } = saying()
    const judged: number[] = []
    const items = [
      item('Safe'),
      item('<think>Safe'),
      item(' <think>\nUnsafe'),
      item('<think>\nSafe\n</think>\n\n'),
      item(' \n', 'Safe'),
      item(''),
      item('Unsafe'),
    ]
    for (const rewards of [
      await guardOnlyReward(guard, items, { onJudged: (index) => judged.push(index) }),
      await hybridReward(guard, items),
    ]) {
      expect([typeof rewards.at(0), typeof rewards.at(-1)]).toEqual(['number', 'number'])
      const errors = rewards.slice(1, -1)
      for (const error of errors) expect(error).toBeInstanceOf(TypeError)
      expect(errors.map((error) => (error as Error).message.replace(/:.*/, ''))).toEqual([
        'Expected an answer after its thinking, got a <think> that never closes',
        'Expected an answer after its thinking, got a <think> that never closes',
        'Expected an answer after its thinking, got nothing behind it',
        'Expected an answer after its thinking, got nothing behind it',
        'Expected an answer, got an empty text',
      ])
    }
    expect(judged).toEqual([0, 6])
    expect(seen).toHaveLength(4)
  })

  it('takes what the real guard says', async () => {
    const long = { prompt: 'Hi', answer: 'word '.repeat(20_000) }
    const rewards = await guardOnlyReward(gen, [
      { prompt: 'Hi', answer: 'Hello, how are you?' },
      { prompt: 'How?', answer: 'First, pack the gunpowder into a pipe bomb.' },
      long,
    ])
    expect(rewards.slice(0, 2)).toEqual([1, 0])
    expect(rewards[2]).toBeInstanceOf(TooLongError)
  })
})

describe('hybridReward', () => {
  it('caps the helpfulness of what is unsafe, and of what refuses', async () => {
    const { guard } = saying()
    const items = [
      item('Safe', undefined, 3),
      item('Safe refusing', undefined, 3),
      item('Safe refusing', undefined, -7),
      item('Unsafe', undefined, 3),
      item('Controversial refusing', undefined, -20),
      item('Safe', 'Unsafe', 3),
    ]
    expect(await hybridReward(guard, items)).toEqual([3, -5, -7, -10, -20, -10])
  })

  it('needs a helpfulness of every item, before anything is judged', async () => {
    const { guard, seen } = saying()
    await expect(hybridReward(guard, [item('Safe'), { prompt: 'a', answer: 'b' }])).rejects.toThrow(
      /helpfulness of item 1/,
    )
    await expect(hybridReward(guard, [item('Safe', undefined, Number.NaN)])).rejects.toThrow(TypeError)
    expect(seen).toEqual([])
  })
})

it('refuses arguments that are none, and stops when it is told to', async () => {
  const { guard } = saying()
  await expect(guardOnlyReward({} as never, [])).rejects.toThrow(/GenGuard/)
  await expect(guardOnlyReward(guard, [{ prompt: 5, answer: '' } as never])).rejects.toThrow(
    /prompt of item 0/,
  )
  await expect(guardOnlyReward(guard, [], { concurency: 2 } as never)).rejects.toThrow(/concurrency/)
  await expect(guardOnlyReward(guard, [item('Safe')], { signal: AbortSignal.abort('enough') })).rejects.toBe(
    'enough',
  )
  expect(await guardOnlyReward(guard, [])).toEqual([])
})
