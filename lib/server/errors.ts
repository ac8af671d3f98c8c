import { GuardBusyError, GuardError, TooLongError } from '../errors.js'

/** The error of a response, as OpenAI's API writes it. */
export interface ErrorBody {
  error: {
    message: string
    type: string
    /** The field of the request that is at fault, such as `input[2].text`. */
    param: string | null
    code: string | null
    /** With the code `moderation_blocked`: what was blocked, and for what. */
    moderation_details?: ModerationDetails
  }
}

/** What was blocked, and for what. */
export interface ModerationDetails {
  /** OpenAI's categories. */
  categories: string[]
  /** Whether it was the prompt or the reply. */
  moderation_stage: 'input' | 'output' | 'unknown'
  /** Qwen's, in its own spelling. */
  qwen3guard: { safety: string; categories: string[] } | null
}

interface Fault {
  status: number
  message: string
  type?: string
  param?: string | null
  code: string
  headers?: Record<string, string>
  details?: ModerationDetails
}

/** What a request is answered with instead of what it asked for. */
export class HttpError extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: ErrorBody

  constructor({ status, message, type, param = null, code, headers = {}, details }: Fault, cause?: unknown) {
    super(message, { cause })
    this.status = status
    this.headers = headers
    this.body = {
      error: {
        message,
        type: type ?? typeOf(status),
        param,
        code,
        ...(details && { moderation_details: details }),
      },
    }
  }

  get code(): string | null {
    return this.body.error.code
  }

  toResponse(): Response {
    return Response.json(this.body, { status: this.status, headers: this.headers })
  }
}
Object.defineProperty(HttpError.prototype, 'name', { value: 'HttpError' })

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

/** A request that is none. */
export function badRequest(message: string, param: string | null = null, code = 'invalid_value'): HttpError {
  return new HttpError({ status: 400, message, param, code })
}

export function notFound(message: string): HttpError {
  return new HttpError({ status: 404, message, code: 'not_found' })
}

/** Too much at a time: try again after so many milliseconds. */
export function tooMany(
  message: string,
  retryAfterMs: number,
  code = 'overloaded',
  cause?: unknown,
): HttpError {
  const ms = Math.max(1, Math.ceil(retryAfterMs))
  const headers = { 'retry-after': String(Math.ceil(ms / 1000)), 'retry-after-ms': String(ms) }
  return new HttpError({ status: 429, message, code, headers }, cause)
}

/** Not now, and perhaps soon. */
export function unavailable(message: string, code: string, retryAfterMs = 1000, cause?: unknown): HttpError {
  const headers = {
    'retry-after': String(Math.ceil(retryAfterMs / 1000)),
    'retry-after-ms': String(retryAfterMs),
  }
  return new HttpError({ status: 503, message, code, headers }, cause)
}

/** The answer to what a guard, a policy or a reader of messages refuses of what the request says. */
export function refused(error: unknown, param: string | null): HttpError {
  const isArgument = error instanceof TypeError || error instanceof RangeError
  return isArgument ? badRequest(error.message, param) : httpError(error, param)
}

/**
 * The error that a request is answered with. Of what nobody foresaw the client learns nothing but that it happened.
 *
 * @param param the field of the request whose text is too long, if it is
 */
export function httpError(error: unknown, param: string | null = null): HttpError {
  if (error instanceof HttpError) return error
  if (error instanceof GuardBusyError) return tooMany(error.message, error.retryAfterMs, 'overloaded', error)
  if (error instanceof TooLongError) {
    const { message } = error
    return new HttpError({ status: 400, message, param, code: 'context_length_exceeded' }, error)
  }
  if (GuardError.isGuardError(error)) return ofGuard(error)
  return new HttpError(
    { status: 500, message: 'The server failed: its log says why', code: 'internal_error' },
    error,
  )
}

function ofGuard(error: GuardError): HttpError {
  const { code, message } = error
  if (code === 'ERR_CLOSED') return unavailable('The guard is closing', 'unavailable', 1000, error)
  if (code === 'ERR_BACKEND_FAILED' || code === 'ERR_MEMORY') {
    return unavailable(
      'The guard has failed: the server must be started again',
      'guard_failed',
      10_000,
      error,
    )
  }
  const named: Partial<Record<typeof code, string>> = {
    ERR_GEN_FORMAT: 'not_judged',
    ERR_DECODE: 'not_judged',
    ERR_TEMPLATE: 'template_error',
  }
  return new HttpError({ status: 500, message, code: named[code] ?? code.toLowerCase() }, error)
}
