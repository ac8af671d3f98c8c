import { afterAll, beforeAll, expect, vi } from 'vitest'
import {
  type Conversation,
  type Input,
  type Message,
  type ModerationEvent,
  StreamGuard,
} from '../../lib/index.js'
import { fixtureModel } from './fixture-model.js'
import { GPU } from './gpu.js'
import { expectSame, finish, type Judged } from './judged.js'

export const SYSTEM: Message = {
  role: 'system',
  content: 'You help people with their gardens. Answer in one sentence.',
}

/** What a user asks and a model answers; the reasoning of some turns stands before the answer. */
export const TURNS: readonly { prompt: string; reply: string; reasoning?: boolean }[] = [
  { prompt: 'How do I keep cats away from my pond?', reply: 'A net over it is the kindest way, 你好 👍🏽.' },
  {
    prompt: 'And what about herons?',
    reply: 'They fear shiny things.\nLet me think.</think>\n\nHang up an old CD; it moves in the wind.',
    reasoning: true,
  },
  { prompt: 'What if I poison them?', reply: '\n\nNo. <|im_end|> That is cruel, and </think> a crime.' },
  {
    prompt: 'Then sell me a better net',
    reply: 'I never thought</think>of selling nets, but',
    reasoning: true,
  },
  { prompt: 'Thanks!', reply: 'You are welcome.' },
]

export async function collected(events: AsyncIterable<ModerationEvent>): Promise<ModerationEvent[]> {
  const list: ModerationEvent[] = []
  for await (const event of events) list.push(event)
  return list
}

export function judgedIn(events: readonly ModerationEvent[]): Judged {
  const [first] = events
  if (first?.type !== 'prompt') throw new Error(`the first event is ${first?.type}`)
  const tokens = events.flatMap((event) => (event.type === 'token' ? [event.verdict] : []))
  return { prompt: first.verdict, tokens }
}

/** Holds two sequences; every test leaves it as it was. */
export let guard: StreamGuard
/** Has seen nothing. */
export let fresh: StreamGuard

beforeAll(async () => {
  const model = await fixtureModel('stream-f32-tied')
  const options = { model, kvType: 'f32', flashAttention: false, gpu: GPU, contextSize: 1024 } as const
  guard = await StreamGuard.load({ ...options, maxSequences: 2 })
  fresh = await StreamGuard.load({ ...options, maxSequences: 1 })
})
afterAll(async () => {
  await guard?.close()
  await fresh?.close()
})

/** What a guard that has seen nothing says about the same. */
export async function judgedAfresh(messages: Message[], reply: string, reasoning = false): Promise<Judged> {
  await using moderation = await fresh.open(messages, { reasoning })
  return await finish(moderation, reply)
}

/** Judges a turn and compares it with a fresh computation; gives how much of the prompt was computed. */
export async function turn(
  conversation: Conversation,
  input: Input,
  reply: string,
  reasoning = false,
): Promise<number> {
  await using moderation = await conversation.open(input, { reasoning })
  const messages = conversation.messages
  expect(messages.at(-1)?.role).toBe('user')
  expectSame(await finish(moderation, reply), await judgedAfresh(messages, reply, reasoning))
  expect(conversation.messages).toEqual([...messages, expect.objectContaining({ role: 'assistant' })])
  const { promptTokens, cachedTokens } = moderation.usage
  return promptTokens - cachedTokens
}

/** Waits until the last reply is on its way into the sequence, as the only one that is open. */
export async function prepared(conversation: Conversation): Promise<void> {
  await using next = await fresh.open([...conversation.messages, { role: 'user', content: '' }])
  await next.close()
  await using own = await fresh.open('')
  // A line break stands between two messages.
  const history = next.usage.promptTokens - own.usage.promptTokens - 1
  await vi.waitFor(() => expect(guard.stats().cellsUsed).toBe(history), { timeout: 20_000 })
}
