import type { Call } from './served.js'

/** Milliseconds between comments that keep a connection open while nothing happens. */
const PING_MS = 15_000

/**
 * A response of server-sent events, of texts that are whole events. The request is in work until they end; where the client
 * goes away, `events` is returned from.
 */
export function eventStream(
  call: Call,
  events: AsyncIterator<string>,
  headers: Record<string, string> = {},
): Response {
  return streamed(
    call,
    events,
    { 'content-type': 'text/event-stream; charset=utf-8', ...headers },
    ': ping\n\n',
  )
}

/** A response of texts as they come. */
export function streamed(
  call: Call,
  texts: AsyncIterator<string>,
  headers: Record<string, string>,
  ping?: string,
): Response {
  const release = call.get('served').hold()
  const encoder = new TextEncoder()
  let timer: NodeJS.Timeout | undefined
  const over = () => {
    clearInterval(timer)
    release()
  }
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (ping === undefined) return
        timer = setInterval(() => {
          // Not behind a client that reads nothing.
          if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(ping))
        }, PING_MS).unref()
      },
      async pull(controller) {
        try {
          const { done, value } = await texts.next()
          if (!done) {
            controller.enqueue(encoder.encode(value))
            return
          }
          over()
          controller.close()
        } catch (error) {
          over()
          controller.error(error)
        }
      },
      async cancel() {
        call.get('served').abort()
        over()
        await texts.return?.()
      },
    },
    { highWaterMark: 1 },
  )
  return new Response(body, {
    headers: { 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no', ...headers },
  })
}

/** One event. */
export function sse(data: unknown, { event, id }: { event?: string; id?: number } = {}): string {
  const name = event === undefined ? '' : `event: ${event}\n`
  const number = id === undefined ? '' : `id: ${id}\n`
  return `${number}${name}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
}
