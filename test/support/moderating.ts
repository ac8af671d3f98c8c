import { afterAll, beforeAll } from 'vitest'
import { type ModerationEvent, type Policy, StreamGuard } from '../../lib/index.js'
import { fixtureModel } from './fixture-model.js'

export const PROMPT = 'How do I pick a lock?'
/** Lets any prompt pass, so that the reply is judged. */
export const REPLY_ONLY: Policy = { prompt: 'flag' }
/** No token's probability reaches 1, so that nothing is held back as suspicious. */
export const NEVER_COUNTS: Policy = { ...REPLY_ONLY, threshold: 1 }
export const NEVER_BLOCK: Policy = { ...REPLY_ONLY, consecutive: 1000 }

export async function* pieces(list: readonly string[], delayMs = 0): AsyncGenerator<string> {
  for (const piece of list) {
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
    yield piece
  }
}

/** Gives its pieces and then neither text nor an end. */
export function stalling(list: readonly string[]) {
  let at = 0
  const source = {
    returned: false,
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const value = list[at++]
        return value === undefined ? new Promise<never>(() => {}) : Promise.resolve({ value, done: false })
      },
      return: () => {
        source.returned = true
        return Promise.resolve({ value: undefined, done: true as const })
      },
    }),
  }
  return source
}

export async function collect(events: AsyncIterable<ModerationEvent>): Promise<ModerationEvent[]> {
  const list: ModerationEvent[] = []
  for await (const event of events) list.push(event)
  return list
}

export function textOf(events: readonly ModerationEvent[]): string {
  return events.map((event) => (event.type === 'text' ? event.text : '')).join('')
}

export function only<T extends ModerationEvent['type']>(events: readonly ModerationEvent[], type: T) {
  return events.filter((event): event is Extract<ModerationEvent, { type: T }> => event.type === type)
}

export let guard: StreamGuard

// Random weights: verdicts mean nothing, vary from token to token, and are the same in every run.
beforeAll(async () => {
  guard = await StreamGuard.load({
    model: await fixtureModel('stream-f32-tied'),
    kvType: 'f32',
    flashAttention: false,
    contextSize: 512,
    maxQueue: 0,
  })
})
afterAll(() => guard?.close())
