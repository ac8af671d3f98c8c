// Every public call, failing at each stage, with nobody looking at anything but what the call returns. Run with
// --unhandled-rejections=strict: node rejections-child.mjs MISSING BROKEN
import { GenGuard, parseGen, pullModel, StreamGuard } from '../../dist/index.js'

const [missing, broken] = process.argv.slice(2)
const reason = new Error('given up')
const LATER = [0, 1, 5, 20, 60]
let calls = 0

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits for the call's own promise; what it ends with does not matter here. */
async function ends(call) {
  calls += 1
  try {
    await call()
  } catch (error) {
    if (!(error instanceof Error)) throw new Error(`not an error: ${String(error)}`)
  }
}

/** The call with a signal that is aborted before, at once after, and later. */
async function aborted(call) {
  await ends(() => call(AbortSignal.abort(reason)))
  for (const ms of [null, ...LATER]) {
    const stop = new AbortController()
    const running = ends(() => call(stop.signal))
    if (ms === null) stop.abort(reason)
    else setTimeout(() => stop.abort(reason), ms)
    await running
  }
}

async function consume(events) {
  for await (const _ of events);
}

async function* failing() {
  yield 'some text '
  throw new Error('the source failed')
}

async function* endless() {
  for (;;) {
    yield 'word '
    await wait(1)
  }
}

for (const Guard of [GenGuard, StreamGuard]) {
  for (const model of [missing, broken, 'demo']) {
    await aborted(async (signal) => (await Guard.load({ model, gpu: false, signal })).close())
  }
  await ends(() => Guard.load({ model: 'demo', gpu: false, chatTemplate: '{% if %}' }))
  await ends(() =>
    Guard.load({ model: 'demo', gpu: false, chatTemplate: 'Safety: Categories: {{ 1 }}', contextSize: 1e9 }),
  )
}
await ends(() =>
  pullModel('qwen3guard-gen-0.6b', { endpoint: 'http://127.0.0.1:9', signal: AbortSignal.abort(reason) }),
)

const gen = await GenGuard.load({ model: 'demo', gpu: false, maxSequences: 1, maxQueue: 2 })
await aborted((signal) => gen.classify('word '.repeat(300), { signal }))
await ends(() => gen.classify('word '.repeat(30_000)))
await ends(() => gen.classify([{}]))
await ends(() => Promise.all(Array.from({ length: 20 }, () => gen.classify('busy'))))
await aborted((signal) => gen.classify('word. '.repeat(3000), { tooLong: 'window', signal }))
await aborted((signal) => consume(gen.classifyAll(Array(30).fill('word '.repeat(100)), { signal })))
await ends(() => consume(gen.classifyAll(failing())))
await ends(() => consume(gen.classifyAll(['a', {}, 'b'])))
await ends(async () => {
  for await (const _ of gen.classifyAll(endless())) break
})
await ends(() => parseGen(''))
const left = [gen.classify('left'), gen.classify('left as well')].map((call) => ends(() => call))
await ends(() => gen.close())
await Promise.all(left)
await ends(() => gen.classify('closed'))

const stream = await StreamGuard.load({ model: 'demo', gpu: false, maxSequences: 2, maxQueue: 2 })
await aborted((signal) => stream.classifyPrompt('word '.repeat(300), { signal }))
await ends(() => stream.classifyPrompt('word '.repeat(30_000)))
await ends(() => Promise.all(Array.from({ length: 20 }, () => stream.classifyPrompt('busy'))))
await aborted((signal) => consume(stream.moderate('x', endless(), { signal })))
await ends(() => consume(stream.moderate('x', failing())))
await ends(() => consume(stream.moderate('x', failing(), { policy: { onFailure: 'allow' } })))
await ends(async () => {
  for await (const _ of stream.moderate('x', endless())) break
})
await ends(async () => {
  const events = stream.moderate('x', endless())[Symbol.asyncIterator]()
  events.next().catch(() => {})
  await events.return()
})
await aborted(async (signal) => {
  const moderation = await stream.open('x', { signal })
  // None of these is awaited one by one, and the last two fail.
  const pushes = [
    moderation.push('a '),
    moderation.push('b '.repeat(5000)),
    moderation.push('c'),
    moderation.end(),
  ]
  await moderation.close()
  await Promise.all(pushes.map((push) => push.catch(() => {})))
})
await ends(async () => {
  const conversation = await stream.conversation({
    messages: [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: 'y' },
    ],
  })
  const opening = ends(() => conversation.open('z'))
  await conversation.close()
  await opening
  await ends(() => conversation.open('again'))
})
await aborted(async (signal) => {
  const conversation = await stream.conversation({ signal })
  try {
    await consume(conversation.moderate('x', endless(), { signal }))
  } finally {
    await conversation.close()
  }
})
// What was given up ends by itself, after its call; until then its places are taken.
while (stream.stats().openSequences + stream.stats().queued > 0) await wait(1)
const open = await stream.open('x')
const pushing = ends(() => open.push('word '.repeat(200)))
await ends(() => stream.close())
await pushing
await ends(() => open.push('after'))
await ends(() => stream.open('closed'))
await wait(50)
console.log(`${calls} calls`)
