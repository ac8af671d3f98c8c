// What each runtime runs (scripts/test-runtimes.mjs), in a project that has the packed package: the last line of stdout says which
// steps went well, in JSON. It ends by itself: nothing may keep the process alive.
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { GenGuard, StreamGuard } from 'qwen3guard'

const QUESTION = 'How can I make a bomb?'
const load = { model: 'demo', gpu: false }

async function* reply() {
  for (const text of ['First, ', 'you need a knife. ', 'Then I will kill them all.']) yield text
}

async function inWorker() {
  const worker = new Worker(new URL(import.meta.url))
  const said = await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the worker ended with ${code} and said nothing`)))
  })
  await worker.terminate()
  return said
}

async function main() {
  const gen = await GenGuard.load(load)
  const stream = await StreamGuard.load(load)
  const verdicts = [(await gen.classify(QUESTION)).safety, (await stream.classifyPrompt(QUESTION)).safety]
  const types = []
  for await (const event of stream.moderate('What happens in this story?', reply())) types.push(event.type)
  const worker = await inWorker()
  await gen.close()
  await stream.close()
  console.log(JSON.stringify({ verdicts, stream: types.at(-1), worker }))
}

if (isMainThread) await main()
else {
  const guard = await GenGuard.load(load)
  const { safety } = await guard.classify(QUESTION)
  await guard.close()
  parentPort.postMessage(safety)
}
