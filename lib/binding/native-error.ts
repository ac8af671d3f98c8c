import {
  BackendError,
  DecodeError,
  GuardClosedError,
  type GuardError,
  MemoryError,
  ModelFileError,
} from '../errors.js'
import { availableMemory } from './available-memory.js'

/** Settles like a promise of the binding, its rejection made the typed error. Not for promises that others can reject. */
export async function typedErrors<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise
  } catch (error) {
    throw fromNative(error)
  }
}

/** Makes the typed error of what native reports as `code` and `message`. */
export function fromNative(error: unknown): Error {
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (typeof code !== 'string' || typeof message !== 'string') return error as Error
  return typed(code, message, error) ?? (error as Error)
}

function typed(code: string, message: string, cause: unknown): GuardError | undefined {
  const options = cause instanceof Error ? { cause } : undefined
  switch (code) {
    case 'ERR_MODEL_LOAD':
      return new ModelFileError(message, options, 'ERR_MODEL_LOAD')
    case 'ERR_CHECKPOINT_INVALID':
      return new ModelFileError(message, options, 'ERR_CHECKPOINT_INVALID')
    case 'ERR_BACKEND_FAILED':
      return new BackendError(message, options)
    case 'ERR_CLOSED':
      return new GuardClosedError(message)
    case 'ERR_MEMORY':
      // llama.cpp does not say how much it wanted.
      return new MemoryError(null, freeOnDevice(cause) ?? availableMemory(), message, options)
    case 'ERR_DECODE':
    case 'ERR_INTERNAL':
      return new DecodeError(message, options)
    default:
      return undefined
  }
}

/** Free bytes of the device whose memory ran out, or undefined where it was the machine's. */
function freeOnDevice(cause: unknown): number | undefined {
  const { freeBytes } = cause as { freeBytes?: unknown }
  return typeof freeBytes === 'number' && freeBytes >= 0 ? freeBytes : undefined
}
