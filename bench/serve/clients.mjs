// Clients of a server, each of which asks again as soon as it has its answer; and an upstream whose model writes as fast as its
// words are read. In a process of its own: what clients compute is not the server's.
import http from 'node:http'
import { chunk, Paced, wordsOf } from './paced.mjs'

export async function open() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1024 })
  /** Chats that run, by the id that their prompt begins with. */
  const chats = new Map()
  const upstream = http.createServer((request, response) => answerAsModel(request, response, chats))
  await new Promise((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  return {
    upstream: async () => upstream.address().port,

    /** Milliseconds of each request. */
    moderations: async ({ port, path = '/v1/moderations', inputs, clients }) => {
      const times = []
      let next = 0
      const client = async () => {
        while (next < inputs.length) {
          const input = inputs[next++]
          const since = performance.now()
          const { results } = JSON.parse(await post(agent, port, path, { input }))
          times.push(performance.now() - since)
          if (typeof results[0].flagged !== 'boolean') throw new Error('no verdict')
        }
      }
      await Promise.all(Array.from({ length: clients }, client))
      return times
    },

    /**
     * Milliseconds from the moment that a delta leaves the model to the one in which its text is read, of each; of models that do
     * not wait for that, milliseconds of each chat.
     */
    deltas: async ({ port, clients, words, run, waits }) => {
      const chat = async (_, i) => {
        const id = `${run}-${i}`
        const paced = new Paced(wordsOf(words), waits)
        const since = performance.now()
        chats.set(id, paced)
        const messages = [{ role: 'user', content: `${id}: what should I do this weekend?` }]
        await post(agent, port, '/v1/chat/completions', { model: 'm', stream: true, messages }, (delta) =>
          paced.read(delta),
        )
        chats.delete(id)
        return waits ? paced.times : [performance.now() - since]
      }
      return (await Promise.all(Array.from({ length: clients }, chat))).flat()
    },
  }
}

/** The body of an answer; of an event stream, `onDelta` gets the text of each. */
function post(agent, port, path, body, onDelta) {
  const text = JSON.stringify(body)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
  return new Promise((resolve, reject) => {
    const request = http.request(
      { port, host: '127.0.0.1', path, method: 'POST', agent, headers },
      (response) => {
        let all = ''
        let rest = ''
        response.setEncoding('utf8')
        response.on('data', (piece) => {
          all += piece
          if (!onDelta || response.statusCode !== 200) return
          const lines = (rest + piece).split('\n')
          rest = lines.pop()
          for (const line of lines) {
            if (!line.startsWith('data: {')) continue
            const content = JSON.parse(line.slice(6)).choices?.[0]?.delta?.content
            if (content) onDelta(content)
          }
        })
        response.on('error', reject)
        response.on('end', () => {
          if (response.statusCode === 200) resolve(all)
          else reject(new Error(`${response.statusCode}: ${all.slice(0, 500)}`))
        })
      },
    )
    request.on('error', reject)
    request.end(text)
  })
}

async function answerAsModel(request, response, chats) {
  let body = ''
  for await (const piece of request) body += piece
  const { content } = JSON.parse(body).messages.at(-1)
  const paced = chats.get(content.split(':')[0])
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for await (const word of paced) response.write(chunk(word))
  response.write(chunk('', 'stop'))
  response.end('data: [DONE]\n\n')
}
