import { InputError } from '../data/input-error.js'
import { GuardError } from '../index.js'

/** Why a row has no verdict. */
export interface RowError {
  code: string
  message: string
  line: number
  /** The file, where there are several. */
  source?: string
  /** What --id-column says. */
  id?: unknown
}

export function rowError(error: unknown, line: number): RowError {
  const message = error instanceof Error ? error.message : String(error)
  if (GuardError.isGuardError(error) || error instanceof InputError)
    return { code: error.code, message, line }
  // The guard's argument errors are about the row: it is all that changes from call to call.
  if (error instanceof TypeError || error instanceof RangeError) return { code: 'ERR_INPUT', message, line }
  return { code: 'ERR_UNEXPECTED', message, line }
}
