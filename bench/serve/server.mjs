// The server with the same guards, as `qwen3guard serve` starts it.
import { GenGuard, StreamGuard } from '../../dist/index.js'
import { createApp } from '../../dist/server/index.js'
import { listen } from '../../dist/server/listen.js'
import { NOTHING_HELD } from './paced.mjs'

export async function open({ gen: genModel, stream: streamModel, upstream, ...options }) {
  const gen = genModel && (await GenGuard.load({ ...options, model: genModel }))
  const stream =
    streamModel &&
    (await StreamGuard.load({ ...options, model: streamModel, contextSize: 512, maxSequences: 64 }))
  const app = createApp({
    ...(gen && { gen }),
    ...(stream && { stream }),
    ...(stream && upstream && { upstream, policy: NOTHING_HELD }),
    limits: { queueMs: 600_000 },
  })
  const { url } = await listen(app, { host: '127.0.0.1', port: 0 })
  return { port: async () => Number(new URL(url).port), decoded: async () => stream.stats() }
}
