// A proxy that speaks OpenAI's API: clients stay as they are and get moderated streams.
import { json } from 'node:stream/consumers'
import { moderateChat, moderateResponse } from 'qwen3guard/openai'

/** `client` is an OpenAI client for the model behind the proxy. */
export function proxyTo(guard, client) {
  return async (request, response) => {
    const abort = new AbortController()
    response.on('close', () => abort.abort())
    const { signal } = abort
    try {
      // Not JSON, or a client that leaves before it has said all: that ends this request and nothing else.
      const body = { ...(await json(request)), stream: true }
      response.setHeader('content-type', 'text/event-stream')
      const moderated = request.url.endsWith('/responses')
        ? moderateResponse(guard, body.input, await client.responses.create(body, { signal }), { signal })
        : moderateChat(guard, body.messages, await client.chat.completions.create(body, { signal }), {
            signal,
          })
      for await (const event of moderated) response.write(`data: ${JSON.stringify(event)}\n\n`)
      response.end('data: [DONE]\n\n')
    } catch (error) {
      response.destroy(error) // the request or the model's stream failed, or the client left
    }
  }
}
