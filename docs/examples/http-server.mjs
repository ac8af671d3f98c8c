// A chat endpoint of node:http: what the model writes goes to the client once it is judged.
import { createServer } from 'node:http'

const MOST_BYTES = 100_000

/** `chat(messages, signal)` gives your model's reply: an async iterable of text. */
export function chatServer(guard, chat) {
  return createServer(async (request, response) => {
    const abort = new AbortController()
    response.on('close', () => abort.abort()) // the client left, or all is said
    try {
      const { messages } = await jsonOf(request)
      const reply = chat(messages, abort.signal)
      response.setHeader('content-type', 'text/plain; charset=utf-8')
      for await (const event of guard.moderate(messages, reply, { signal: abort.signal })) {
        if (event.type === 'text') response.write(event.text)
        if (event.type === 'block') response.write('\n[The rest of this reply was withheld.]')
      }
      response.end()
    } catch (error) {
      if (!abort.signal.aborted) console.warn('not answered:', error)
      // Before the first word there is a status to send; after it, a broken connection says that this is not all.
      if (response.headersSent) response.destroy()
      else response.writeHead(statusOf(error), { connection: 'close' }).end()
    }
  })
}

/** A request's JSON. Throws for more than MOST_BYTES, for what is no JSON, and when the client leaves in the middle. */
async function jsonOf(request) {
  const chunks = []
  let bytes = 0
  // Left alive, so that the client can still be told.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length
    if (bytes > MOST_BYTES) throw new RangeError(`the body has more than ${MOST_BYTES} bytes`)
    chunks.push(chunk)
  }
  return JSON.parse(Buffer.concat(chunks).toString()) ?? {}
}

/** Messages that are none are a TypeError of the guard. */
function statusOf(error) {
  if (error instanceof RangeError) return 413
  return error instanceof SyntaxError || error instanceof TypeError ? 400 : 500
}
