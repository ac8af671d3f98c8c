import { InputError } from '../data/input-error.js'
import { GuardError } from '../index.js'
import { isObject } from './conversation.js'
import type { Line } from './json-lines.js'

/** Why a row has no verdict. */
export interface RowError {
  code: string
  message: string
  line: number
}

export function isBlank({ content }: Line): boolean {
  return !('defect' in content) && content.text.trim() === ''
}

/** The JSON object of a line. Throws InputError if it is none. */
export function parseLine({ content }: Line): Record<string, unknown> {
  if ('defect' in content) throw new InputError(content.defect)
  const row = parseJson(content.text)
  if (!isObject(row)) throw new InputError('expected a JSON object')
  return row
}

export function rowError(error: unknown, line: number): RowError {
  const message = error instanceof Error ? error.message : String(error)
  if (GuardError.isGuardError(error) || error instanceof InputError)
    return { code: error.code, message, line }
  // The guard's argument errors are about the row: it is all that changes from call to call.
  if (error instanceof TypeError || error instanceof RangeError) return { code: 'ERR_INPUT', message, line }
  return { code: 'ERR_UNEXPECTED', message, line }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new InputError(`expected a JSON object: ${(cause as Error).message}`, { cause })
  }
}
