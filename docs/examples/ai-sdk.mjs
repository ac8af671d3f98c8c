// A chat route with the AI SDK: all that its model says, thinks or has tools do comes after the guard.
import { convertToModelMessages, streamText, wrapLanguageModel } from 'ai'
import { moderationMiddleware } from 'qwen3guard/ai-sdk'

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
    const { messages } = await request.json()
    const result = streamText({
      model: moderated,
      messages: await convertToModelMessages(messages),
      tools,
      abortSignal: request.signal, // without it the model writes on when the client has left
    })
    return result.toUIMessageStreamResponse()
  }
}
