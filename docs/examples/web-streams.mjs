// A fetch-style handler, as Hono, Next.js and others take it: the model's reply goes to the client as it is released.
import { moderationStream } from 'qwen3guard/web-streams'

const MOST_BYTES = 100_000

/** `chat(question, signal)` gives your model's reply: a ReadableStream of text. */
export function answerWith(guard, chat) {
  return async (request) => {
    const question = await textOf(request).catch(() => undefined)
    if (question === undefined) return new Response(null, { status: 400 }) // the client left in the middle
    if (question === null) return new Response(null, { status: 413 })
    const reply = await chat(question, request.signal)
    const shown = reply.pipeThrough(
      moderationStream(guard, question, {
        replacement: '\n[The rest of this reply was withheld.]',
        onEvent: (event) => {
          if (event.type === 'block') console.warn('blocked:', event.reason, event.verdict?.category)
        },
      }),
    )
    return new Response(shown.pipeThrough(new TextEncoderStream()), {
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    })
  }
}

/** A request's text, or null for more than MOST_BYTES. */
async function textOf(request) {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length
    if (bytes > MOST_BYTES) return null // leaving the loop stops the client
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}
