import type { Message } from './types.js'

/**
 * What becomes of a conversation that outgrows the context: `'error'`, or its oldest turns are left out of what is
 * judged, and `usage.droppedMessages` says how many messages those are.
 */
export type HistoryTooLong = 'error' | 'drop'

/** Messages that are looked at to find those that fit. */
const MOST_MESSAGES = 65_536

/** @throws TypeError if it is neither */
export function checkHistory(history: unknown): asserts history is HistoryTooLong {
  if (history === 'error' || history === 'drop') return
  throw new TypeError(`Expected history to be 'error' or 'drop', got ${JSON.stringify(history)}`)
}

/** Messages that an input may have. */
export function mostMessages(history: HistoryTooLong, contextSize: number): number {
  return history === 'drop' ? Math.max(contextSize, MOST_MESSAGES) : contextSize
}

/**
 * The latest turns of a conversation that fit: its system messages at the beginning, and all from a user's message
 * on, as many turns as `encode` finds room for.
 *
 * @param encode null for messages that do not fit
 * @returns null if not even the last turn fits
 */
export async function latestTurns<T>(
  messages: readonly Message[],
  encode: (messages: readonly Message[]) => Promise<T | null>,
): Promise<{ encoded: T; dropped: number } | null> {
  const first = messages.findIndex(({ role }) => role !== 'system')
  const system = messages.slice(0, Math.max(0, first))
  const begins = messages.flatMap(({ role }, at) => (role === 'user' && at > first ? [at] : []))
  let best: { encoded: T; dropped: number } | null = null
  // The fewer turns, the sooner they fit.
  for (let low = 0, high = begins.length; low < high; ) {
    const middle = (low + high) >> 1
    const begin = begins[middle] as number
    const encoded = await encode([...system, ...messages.slice(begin)])
    if (encoded === null) {
      low = middle + 1
    } else {
      best = { encoded, dropped: begin - system.length }
      high = middle
    }
  }
  return best
}
