// A node:http handler: the model's bytes go to the client as they are released.
import { pipeline } from 'node:stream/promises'
import { moderationStage } from 'qwen3guard/node-streams'

const MOST_BYTES = 100_000

/** The request's body. Leaving the loop ends the connection of a client that never stops. */
async function bodyOf(request) {
  const chunks = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > MOST_BYTES) throw new RangeError(`the body has more than ${MOST_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** `chat(question)` gives your model's reply: a Readable of UTF-8 bytes or text. */
export function answerWith(guard, chat) {
  return async (request, response) => {
    const replacement = '\n[The rest of this reply was withheld.]'
    try {
      // A client may leave before it has said all: that must not end the process.
      const question = await bodyOf(request)
      response.setHeader('content-type', 'text/plain; charset=utf-8')
      // A block destroys the model's stream; a client that leaves does, too, and both free the guard.
      await pipeline(chat(question), moderationStage(guard, question, { replacement }), response)
    } catch (error) {
      console.warn('not answered:', error)
      response.destroy()
    }
  }
}
