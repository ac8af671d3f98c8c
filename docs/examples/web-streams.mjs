// A fetch-style handler, as Hono, Next.js and others take it: the model's reply goes to the client as it is released.
import { moderationStream } from 'qwen3guard/web-streams'

/** `chat(question, signal)` gives your model's reply: a ReadableStream of text. */
export function answerWith(guard, chat) {
  return async (request) => {
    const question = await request.text()
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
