// One life of the addon in a process of its own: node lifecycle-child.mjs STAGE ENDING MODEL.
// STAGE is how far it comes, ENDING how the process (or a worker in it) is left.
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Engine } from '../../dist/engine/engine.js'
import { Model } from '../../dist/engine/model.js'

const OPTIONS = {
  contextSize: 512,
  maxSequences: 4,
  cells: 2048,
  unified: false,
  maxQueue: 16,
  batchSize: 512,
  maxOutputs: 512,
  prefillTokens: 128,
  offloads: true,
  keeps: true,
  threads: 1,
  kvType: 'f16',
  flashAttention: 'auto',
}

/** Keeps an engine busy: many requests on every sequence, none awaited. */
async function flood(engine) {
  const tokens = Int32Array.from({ length: 200 }, (_, i) => 40 + (i % 200))
  const read = Int32Array.from(tokens.keys())
  for (let s = 0; s < OPTIONS.maxSequences; s++) {
    const sequence = await engine.acquire({ cells: 512 })
    for (let i = 0; i < 5; i++) sequence.decodeHeads(tokens, { read, keep: 0 }).catch(() => {})
  }
}

async function reach(stage, path) {
  const loading = Model.load(path, { gpu: process.env.QWEN3GUARD_TEST_GPU || false })
  if (stage === 'loading') {
    loading.catch(() => {})
    return {}
  }
  const model = await loading
  if (stage === 'loaded') return { model }
  const creating = Engine.create(model, OPTIONS)
  if (stage === 'creating') {
    creating.catch(() => {})
    return { model }
  }
  const engine = await creating
  if (stage === 'decoding') await flood(engine)
  return { model, engine }
}

if (isMainThread) {
  const [stage, ending, path] = process.argv.slice(2)
  if (ending === 'terminate' || ending === 'worker-end') {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { stage, path, ending } })
    worker.on('error', (error) => {
      throw error
    })
    if (ending === 'terminate') worker.once('message', () => worker.terminate())
  } else {
    const { model, engine } = await reach(stage, path)
    if (ending === 'exit') process.exit(0)
    if (ending === 'throw') throw new Error('on purpose')
    if (ending === 'collect') {
      globalThis.gc?.()
      await new Promise((resolve) => setTimeout(resolve, 20))
      globalThis.gc?.()
    }
    if (ending === 'close') {
      await Promise.all([engine?.close(), engine?.close()])
      model?.close()
    }
    // 'end': fall off the end of the script
  }
} else {
  await reach(workerData.stage, workerData.path)
  parentPort.postMessage('ready')
  // A worker that is terminated must still be busy; one that ends by itself just ends.
  if (workerData.ending === 'terminate') setInterval(() => {}, 1000)
}
