// A node:http handler: the model's bytes go to the client as they are released.
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { moderationStage } from 'qwen3guard/node-streams'

/** `chat(question)` gives your model's reply: a Readable of UTF-8 bytes or text. */
export function answerWith(guard, chat) {
  return async (request, response) => {
    const replacement = '\n[The rest of this reply was withheld.]'
    try {
      // A client may leave before it has said all: that must not end the process.
      const question = await text(request)
      response.setHeader('content-type', 'text/plain; charset=utf-8')
      // A block destroys the model's stream; a client that leaves does, too, and both free the guard.
      await pipeline(chat(question), moderationStage(guard, question, { replacement }), response)
    } catch (error) {
      console.warn('not answered:', error)
      response.destroy()
    }
  }
}
