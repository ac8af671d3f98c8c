import { badRequest, HttpError } from '../errors.js'
import type { Call } from '../served.js'
import { type BodyLimits, bodyOf } from './body.js'

/**
 * The lines of a body of newline-delimited JSON, as they come; no more of it is read than is asked for. Each line, and the
 * wait for more, has the limits of a whole body.
 *
 * @throws HttpError as `bodyOf`, and 400 for what is not UTF-8
 */
export async function* linesOf(call: Call, { bodyBytes, bodyMs }: BodyLimits): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  const decode = (bytes?: Uint8Array) => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode()
    } catch {
      throw badRequest('The body is not UTF-8', null, 'invalid_encoding')
    }
  }
  for await (const bytes of bodyOf(call, { bodyBytes: Number.POSITIVE_INFINITY, bodyMs, isIdle: true })) {
    const text = decode(bytes)
    // A line that comes byte by byte is not looked through for every byte.
    const lines = text.includes('\n') ? (rest + text).split('\n') : [rest + text]
    rest = lines.pop() ?? ''
    if (rest.length > bodyBytes) {
      throw new HttpError({
        status: 413,
        message: `A line has more than ${bodyBytes} characters, which this server takes at most`,
        code: 'request_too_large',
      })
    }
    yield* lines.filter((line) => line.trim() !== '')
  }
  rest += decode()
  if (rest.trim() !== '') yield rest
}
