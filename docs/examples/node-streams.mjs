// A node:http handler: the model's bytes go to the client as they are released.
import { pipeline } from 'node:stream/promises'
import { moderationStage } from 'qwen3guard/node-streams'

const MOST_BYTES = 100_000

/** `chat(question)` gives your model's reply: a Readable of UTF-8 bytes or text. */
export function answerWith(guard, chat) {
  return async (request, response) => {
    const replacement = '\n[The rest of this reply was withheld.]'
    try {
      // A client may leave before it has said all: that must not end the process.
      const question = await textOf(request)
      response.setHeader('content-type', 'text/plain; charset=utf-8')
      // A block destroys the model's stream; a client that leaves does, too, and both free the guard.
      await pipeline(chat(question), moderationStage(guard, question, { replacement }), response)
    } catch (error) {
      console.warn('not answered:', error)
      if (response.headersSent) response.destroy()
      else response.writeHead(error instanceof RangeError ? 413 : 500, { connection: 'close' }).end()
    }
  }
}

/** A request's body. Throws for more than MOST_BYTES, and when the client leaves in the middle. */
async function textOf(request) {
  const chunks = []
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length
    if (bytes > MOST_BYTES) throw new RangeError(`the body has more than ${MOST_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
