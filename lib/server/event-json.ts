import { GuardError } from '../errors.js'
import type { ModerationEvent } from '../stream/events.js'

/** An event as JSON has it: an error by its code and message. */
export function eventJson(event: ModerationEvent): object {
  if (!('error' in event) || event.error === undefined) return event
  const { error, ...fields } = event
  const { code, message } = error
  return { ...fields, error: { code, message } }
}

/** An error by its code and message. */
export function errorJson(error: unknown): { code: string; message: string } {
  if (GuardError.isGuardError(error)) return { code: error.code, message: error.message }
  return { code: 'ERR_INTERNAL', message: 'The server failed: its log says why' }
}
