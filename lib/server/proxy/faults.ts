import { HttpError } from '../errors.js'

/** What the upstream did wrong, as the client is told of it. */
export function upstreamFault(message: string, code: string, status = 502, cause?: unknown): HttpError {
  return new HttpError({ status, message, type: 'upstream_error', code }, cause)
}

/** Headers of a refusal that tell the client when to come again. */
const PASSED = ['retry-after', 'retry-after-ms', 'x-should-retry']

/** The error of an answer that is none of a model: the upstream's own words where it is the caller's fault, else that it failed. */
export async function refusalOf(
  response: Response,
  hasOwnKey: boolean,
  read: () => Promise<string>,
): Promise<HttpError> {
  const { status } = response
  if (status < 400) {
    return upstreamFault(`The upstream answered ${status}, expected 200`, 'upstream_invalid')
  }
  const told = toldIn(await read().catch(() => ''))
  // With a key of the server's own it is not the caller who was refused.
  const isOurs = status >= 500 || (hasOwnKey && (status === 401 || status === 403))
  const message = `The upstream answered ${status}${told.message === null ? '' : `: ${told.message}`}`
  if (isOurs) return upstreamFault(message, 'upstream_failed')
  const headers: Record<string, string> = {}
  for (const name of PASSED) {
    const value = response.headers.get(name)
    if (value !== null) headers[name] = value
  }
  return new HttpError({
    status,
    message: told.message ?? message,
    type: told.type ?? 'invalid_request_error',
    param: told.param,
    code: told.code ?? 'upstream_refused',
    headers,
  })
}

interface Told {
  message: string | null
  type: string | null
  param: string | null
  code: string | null
}

/** What an error's body says, whoever wrote it. */
function toldIn(body: string): Told {
  try {
    const { error } = JSON.parse(body) as { error?: unknown }
    return toldBy(error)
  } catch {
    return { message: null, type: null, param: null, code: null }
  }
}

/** What an error among the events of a stream says. */
export function toldBy(error: unknown): Told {
  const fields = (typeof error === 'object' && error !== null ? error : { message: error }) as Record<
    string,
    unknown
  >
  const word = (name: string) => {
    const value = fields[name]
    return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 1000) : null
  }
  return { message: word('message'), type: word('type'), param: word('param'), code: word('code') }
}
