// What an application does without the proxy: reads the same upstream by `fetch`, moderates it with the library and writes events
// to its clients with node:http. So it pays for the same sockets and the same JSON, and for nothing of the server's.
import http from 'node:http'
import { createParser } from 'eventsource-parser'
import { StreamGuard } from '../../dist/index.js'
import { chunk, NOTHING_HELD } from './paced.mjs'

export async function open({ stream: model, upstream, ...options }) {
  const stream = await StreamGuard.load({ ...options, model, contextSize: 512, maxSequences: 64 })
  const server = http.createServer(async (request, response) => {
    try {
      let body = ''
      for await (const piece of request) body += piece
      const { messages } = JSON.parse(body)
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`${upstream}/chat/completions`, { method: 'POST', headers, body })
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const events = stream.moderate(messages, textsOf(answer), { policy: NOTHING_HELD })
      for await (const event of events) {
        if (event.type === 'text') response.write(chunk(event.text))
      }
      response.write(chunk('', 'stop'))
      response.end('data: [DONE]\n\n')
    } catch (error) {
      console.error(error)
      response.destroy()
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: async () => server.address().port, decoded: async () => stream.stats() }
}

async function* textsOf(answer) {
  const texts = []
  const parser = createParser({
    onEvent: ({ data }) => {
      const content = data === '[DONE]' ? null : JSON.parse(data).choices[0]?.delta.content
      if (content) texts.push(content)
    },
  })
  const decoder = new TextDecoder()
  for await (const piece of answer.body) {
    parser.feed(decoder.decode(piece, { stream: true }))
    yield* texts.splice(0)
  }
}
