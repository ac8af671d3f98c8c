// node-llama-cpp behind the same kind of endpoint: the text's verdict is generated, and read by this package's parser.
import http from 'node:http'
import { parseGen } from '../../dist/index.js'
import { open as openPeer } from '../gen/node-llama-cpp.mjs'

export async function open({ gen: model, chatTemplate, threads, sequences }) {
  const { queued } = await withQueue(await openPeer({ model, chatTemplate, threads, sequences }))
  const server = http.createServer(async (request, response) => {
    try {
      let body = ''
      for await (const piece of request) body += piece
      const { text } = await queued(JSON.parse(body).input)
      const { safety, categories } = parseGen(text)
      const results = [{ flagged: safety === 'Unsafe', categories, category_scores: {} }]
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ results }))
    } catch (error) {
      response.writeHead(500).end(String(error))
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: async () => server.address().port }
}

/** One text at a time for each of its sequences, others wait. */
async function withQueue(peer) {
  const sequences = await peer.sequences()
  const free = [...sequences]
  const waiting = []
  const queued = async (input) => {
    const sequence = free.pop() ?? (await new Promise((resolve) => waiting.push(resolve)))
    try {
      return await peer.whole(sequence, input)
    } finally {
      const next = waiting.shift()
      if (next) next(sequence)
      else free.push(sequence)
    }
  }
  return { queued }
}
