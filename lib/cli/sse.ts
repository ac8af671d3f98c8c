import { createParser } from 'eventsource-parser'
import { InputError } from '../data/input-error.js'
import { isObject } from '../data/row.js'

/** UTF-16 units of one event, and of an answer that is no stream, of which more is not read. */
const MOST = 16 * 2 ** 20

/** What a stream of server-sent events held beside its chunks. */
export interface StreamEnd {
  /** Whether its end was said: without that the reply may be cut off. */
  said: boolean
}

/**
 * The chunks of an OpenAI-style stream of server-sent events, up to `[DONE]` or its end, however it was cut in pieces.
 *
 * @param end is told whether the stream said that it is over
 * @throws InputError for what is no such stream, an event that is cut off or holds no JSON, and an error that the server sent
 */
export async function* readSse(
  texts: AsyncIterable<string>,
  end: StreamEnd,
): AsyncGenerator<Record<string, unknown>, void, undefined> {
  const events: string[] = []
  let head = ''
  let count = 0
  let foreign: string | null = null
  let tooLong = false
  let isOver = false
  const parser = createParser({
    maxBufferSize: MOST,
    onEvent: ({ data }) => events.push(data),
    onError: ({ type, line }) => {
      if (type === 'unknown-field') foreign ??= line ?? ''
      else if (type === 'max-buffer-size-exceeded') tooLong = true
    },
  })
  const take = function* (isCut: boolean) {
    if (tooLong) throw new InputError(`an event on stdin is longer than ${MOST} characters`)
    for (const data of events.splice(0)) {
      if (data.trim() === '[DONE]') {
        end.said = isOver = true
        return
      }
      count += 1
      const chunk = chunkOf(data, count, isCut)
      // Not every server writes [DONE]: a choice that has finished says as much.
      end.said ||= /^response\.(completed|incomplete|failed)$/.test(String(chunk.type)) || hasFinished(chunk)
      yield chunk
    }
    if (foreign !== null && count > 0) {
      throw new InputError(`Expected server-sent events on stdin, got the line ${quoted(foreign)}`)
    }
  }
  let isBody = false
  for await (const text of texts) {
    if (count === 0 && head.length < MOST) head += text
    // An answer without events, such as an error: it is read to its end, to say what it says.
    isBody ||= count === 0 && /^\s*[{[<]|^HTTP\//.test(head)
    if (isBody) continue
    parser.feed(text)
    yield* take(false)
    if (isOver) return
    if (foreign !== null) break
  }
  if (isBody || (foreign !== null && count === 0)) throw noStream(head)
  // The last event may lack its line ends: it counts, if it is whole.
  parser.feed('\n\n')
  yield* take(true)
  if (foreign !== null) throw noStream(head)
}

function chunkOf(data: string, count: number, isCut: boolean): Record<string, unknown> {
  let chunk: unknown
  try {
    chunk = JSON.parse(data)
  } catch (cause) {
    throw new InputError(
      isCut
        ? `stdin ended within event ${count}: the stream was cut off`
        : `Expected the data of event ${count} to be JSON or [DONE], got ${quoted(data)}`,
      { cause },
    )
  }
  if (!isObject(chunk))
    throw new InputError(`Expected the data of event ${count} to be an object, got ${quoted(data)}`)
  const error = errorOf(chunk)
  if (error !== null) throw new InputError(`event ${count} of the stream is the server's error: ${error}`)
  return chunk
}

function hasFinished({ choices }: Record<string, unknown>): boolean {
  return Array.isArray(choices) && choices.some((choice) => isObject(choice) && choice.finish_reason != null)
}

/** What an error of an API says: OpenAI's, and those of servers in its manner; null for what is none. */
function errorOf(value: Record<string, unknown>): string | null {
  const { error, type, message } = value
  if (isObject(error))
    return typeof error.message === 'string' ? error.message : quoted(JSON.stringify(error))
  if (typeof error === 'string') return error
  return type === 'error' && typeof message === 'string' ? message : null
}

function noStream(body: string): InputError {
  let error: string | null = null
  let isWhole = false
  try {
    const value: unknown = JSON.parse(body)
    error = isObject(value) ? errorOf(value) : null
    isWhole = isObject(value) && (Array.isArray(value.choices) || Array.isArray(value.output))
  } catch {
    // No JSON either: what it begins with is all there is to show.
  }
  if (error !== null) return new InputError(`stdin is no stream, but the server's error: ${error}`)
  const mend = isWhole ? 'a reply that was not streamed: ask for it with "stream": true' : quoted(body)
  return new InputError(`Expected server-sent events (lines that begin with "data:") on stdin, got ${mend}`)
}

function quoted(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ')
  return JSON.stringify(line.length > 120 ? `${line.slice(0, 120)}…` : line)
}
