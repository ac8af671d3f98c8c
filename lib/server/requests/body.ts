import { badRequest, HttpError } from '../errors.js'
import type { Call } from '../served.js'

/** Content types that are JSON. Others a page on the web could send from a browser without asking first. */
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json$/

/** How much of a body is read, and for how long. */
export interface BodyLimits {
  bodyBytes: number
  bodyMs: number
  /** Whether the time is that between two pieces, while one is waited for, rather than the whole body's. */
  isIdle?: boolean
}

/**
 * The value of a request's JSON body.
 * @throws HttpError 400, 408, 413 or 415
 */
export async function readJson(call: Call, limits: BodyLimits): Promise<unknown> {
  requireType(call, JSON_TYPE, 'application/json')
  const text = await readText(call, limits)
  if (text === '') throw badRequest('Expected a JSON body, got an empty one', null, 'invalid_json')
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw badRequest(`The body is not JSON: ${(error as Error).message.slice(0, 200)}`, null, 'invalid_json')
  }
}

/** @throws HttpError 415 */
export function requireType(call: Call, types: RegExp, wanted: string): void {
  const type = (call.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (types.test(type)) return
  throw new HttpError({
    status: 415,
    message: `Expected the content type ${wanted}, got ${type === '' ? 'none' : JSON.stringify(type.slice(0, 100))}`,
    code: 'unsupported_media_type',
  })
}

/** The whole body as text. @throws HttpError 400, 408, 413 */
export async function readText(call: Call, limits: BodyLimits): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  try {
    for await (const bytes of bodyOf(call, limits)) text += decoder.decode(bytes, { stream: true })
    return text + decoder.decode()
  } catch (error) {
    if (error instanceof HttpError) throw error
    if (
      error instanceof TypeError &&
      /encod|decod/i.test(`${(error as NodeJS.ErrnoException).code} ${error.message}`)
    ) {
      throw badRequest('The body is not UTF-8', null, 'invalid_encoding')
    }
    throw error
  }
}

/** The body's bytes as they come. @throws HttpError 408, 413, 415; `signal.reason` where the client is gone */
export async function* bodyOf(
  call: Call,
  { bodyBytes, bodyMs, isIdle = false }: BodyLimits,
): AsyncGenerator<Uint8Array> {
  const encoding = call.req.header('content-encoding') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    throw new HttpError({
      status: 415,
      message: 'Expected a body that is not compressed',
      code: 'unsupported_content_encoding',
    })
  }
  const tooLarge = () =>
    new HttpError({
      status: 413,
      message: `The body has more than ${bodyBytes} bytes, which this server takes at most`,
      code: 'request_too_large',
      headers: { connection: 'close' },
    })
  if (Number(call.req.header('content-length') ?? 0) > bodyBytes) throw tooLarge()
  const { body } = call.req.raw
  if (!body) return
  const { signal } = call.get('served')
  const reader = body.getReader()
  let fail = (_: unknown) => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})
  const onAbort = () => fail(signal.reason)
  signal.addEventListener('abort', onAbort)
  const late = () =>
    fail(
      new HttpError({
        status: 408,
        message: `The body did not come within ${bodyMs} ms`,
        code: 'request_timeout',
        headers: { connection: 'close' },
      }),
    )
  let timer = setTimeout(late, bodyMs)
  try {
    signal.throwIfAborted()
    let size = 0
    while (true) {
      if (isIdle) {
        clearTimeout(timer)
        timer = setTimeout(late, bodyMs)
      }
      const { done, value } = await Promise.race([reader.read(), failed])
      if (isIdle) clearTimeout(timer)
      if (done) return
      size += value.byteLength
      if (size > bodyBytes) throw tooLarge()
      yield value
    }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    // What is still to come is nobody's any more.
    reader.cancel().catch(() => {})
  }
}
