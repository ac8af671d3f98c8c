import { setTimeout } from 'node:timers/promises'
import { GuardBusyError } from '../errors.js'
import { untilAborted } from '../until-aborted.js'

/** Many inputs wait their turn: a full queue is theirs to sit out, and no reason to end the iteration. */
export async function whenThereIsRoom<T>(classify: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await classify()
    } catch (error) {
      if (!(error instanceof GuardBusyError)) throw error
      await untilAborted(setTimeout(error.retryAfterMs), signal)
    }
  }
}
