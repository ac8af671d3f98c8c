// A proxy that speaks OpenAI's API: clients stay as they are and get moderated streams.
import { moderateChat, moderateResponse } from 'qwen3guard/openai'

const MOST_BYTES = 1_000_000

/** `client` is an OpenAI client for the model behind the proxy. */
export function proxyTo(guard, client) {
  return async (request, response) => {
    const abort = new AbortController()
    response.on('close', () => abort.abort())
    const { signal } = abort
    try {
      // Not JSON, or a client that leaves before it has said all: that ends this request and nothing else.
      const body = { ...(await jsonOf(request)), stream: true }
      response.setHeader('content-type', 'text/event-stream')
      const moderated = request.url.endsWith('/responses')
        ? moderateResponse(guard, body.input, await client.responses.create(body, { signal }), { signal })
        : moderateChat(guard, body.messages, await client.chat.completions.create(body, { signal }), {
            signal,
          })
      for await (const event of moderated) response.write(`data: ${JSON.stringify(event)}\n\n`)
      response.end('data: [DONE]\n\n')
    } catch (error) {
      if (response.headersSent)
        response.destroy() // the model's stream failed, or the client left
      else refuse(response, error)
    }
  }
}

/** A request's JSON. Throws for more than MOST_BYTES, for what is no JSON, and when the client leaves in the middle. */
async function jsonOf(request) {
  const chunks = []
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length
    if (bytes > MOST_BYTES) throw new RangeError(`the body has more than ${MOST_BYTES} bytes`)
    chunks.push(chunk)
  }
  return JSON.parse(Buffer.concat(chunks).toString())
}

/** An error as OpenAI's clients read it. */
function refuse(response, error) {
  const status =
    error.status ?? (error instanceof RangeError ? 413 : error instanceof SyntaxError ? 400 : 502)
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
  response.end(JSON.stringify({ error: { message: String(error.message), type: 'invalid_request_error' } }))
}
