// A chat route with the AI SDK: all that its model says, thinks or has tools do comes after the guard.
import { convertToModelMessages, streamText, wrapLanguageModel } from 'ai'
import { moderationMiddleware } from 'qwen3guard/ai-sdk'

const MOST_BYTES = 1_000_000

/** `model` is any language model of the AI SDK, such as `openai('gpt-5')`. */
export function chatWith(guard, model, tools = {}) {
  const moderated = wrapLanguageModel({
    model,
    middleware: moderationMiddleware(guard, {
      holdBack: 'sentence',
      replacement: 'I had better not answer that.',
      // The guard need not read the whole history.
      input: (messages) => messages.slice(-5),
    }),
  })
  return async (request) => {
    const body = await textOf(request).catch(() => '') // the client left in the middle
    if (body === null) return new Response(null, { status: 413 })
    const messages = await messagesOf(body)
    if (messages === null) return new Response(null, { status: 400 })
    const result = streamText({
      model: moderated,
      messages,
      tools,
      abortSignal: request.signal, // without it the model writes on when the client has left
    })
    return result.toUIMessageStreamResponse()
  }
}

/** The conversation that an interface sent, or null for what is none. */
async function messagesOf(body) {
  try {
    return await convertToModelMessages(JSON.parse(body).messages)
  } catch {
    return null
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
