/** One event of a `text/event-stream`. */
export interface ServerEvent {
  type: string
  data: string
}

/** The events of a response's body as they come. Comments, and fields that this page has no use for, are passed over. */
export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader()
  let rest = ''
  let event: { type: string; data: string[] } = { type: 'message', data: [] }
  try {
    while (true) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line === '') {
          if (event.data.length > 0) yield { type: event.type, data: event.data.join('\n') }
          event = { type: 'message', data: [] }
          continue
        }
        const colon = line.indexOf(':')
        const [field, value] =
          colon === -1 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')]
        if (field === 'event') event.type = value
        if (field === 'data') event.data.push(value)
      }
    }
  } finally {
    void reader.cancel().catch(() => {})
  }
}
