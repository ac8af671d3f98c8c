// One life of a guard in a process of its own: node life.mjs STAGE ENDING LARGE-MODEL. STAGE is what is under way, ENDING how
// the process, or a worker in it, is left. What is under way is said to be so before it is left.
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { GenGuard, GuardError, StreamGuard } from '../../../dist/index.js'

const QUIET = { gpu: false, threads: 2 }
const LONG = 'You could make a soup of lentils and carrots. '.repeat(30)

/** Nobody waits for it; what it ends in is typed. */
function unawaited(promise) {
  promise.catch((error) => {
    if (!GuardError.isGuardError(error)) throw error
  })
}

/** Resolves while weights are being read: `loading` is still under way, and nobody waits for it. */
async function reachLoading(model) {
  let loading
  await new Promise((resolve, reject) => {
    loading = StreamGuard.load({
      ...QUIET,
      model,
      onProgress: (fraction) => {
        if (fraction > 0 && fraction < 1) resolve()
        else if (fraction === 1) reject(new Error('it was loaded at once'))
      },
    })
    loading.catch(reject)
  })
  return { loading, close: async () => await (await loading).close() }
}

async function ticks(guard, count) {
  const goal = guard.stats().ticks + count
  while (guard.stats().ticks < goal) await new Promise((resolve) => setTimeout(resolve, 1))
}

const STAGES = {
  loading: reachLoading,
  idle: async () => {
    const guard = await GenGuard.load({ ...QUIET, model: 'demo' })
    await guard.classify('How do I bake bread?')
    return guard
  },
  prefilling: async () => {
    const guard = await GenGuard.load({ ...QUIET, model: 'demo' })
    for (let i = 0; i < 12; i++) unawaited(guard.classify(`${i} ${LONG.repeat(4)}`))
    await ticks(guard, 2)
    return guard
  },
  streaming: async () => {
    const guard = await StreamGuard.load({ ...QUIET, model: 'demo' })
    const opened = await Promise.all(Array.from({ length: 6 }, (_, i) => guard.open(`What can I cook? ${i}`)))
    for (const moderation of opened)
      for (let i = 0; i < 20; i++) unawaited(moderation.push(LONG.slice(0, 60)))
    await ticks(guard, 2)
    return guard
  },
  batch: async () => {
    const guard = await GenGuard.load({ ...QUIET, model: 'demo' })
    const verdicts = guard.classifyAll(
      Array.from({ length: 300 }, (_, i) => `How do I bake bread number ${i}?`),
    )
    await verdicts[Symbol.asyncIterator]().next()
    const reading = async () => {
      for await (const _ of verdicts);
    }
    unawaited(reading())
    return guard
  },
  closing: async () => {
    const guard = await STAGES.streaming()
    unawaited(guard.close())
    return guard
  },
}

/** Pushes that go on while it is closed end in typed errors, and all of them end. */
async function closeWhilePushing(guard) {
  const pushes = []
  if (guard instanceof StreamGuard) {
    try {
      const moderation = await guard.open('What can I cook?')
      for (let i = 0; i < 30; i++) pushes.push(moderation.push(`word ${i} `))
    } catch (error) {
      if (!GuardError.isGuardError(error)) throw error
    }
  } else if (guard instanceof GenGuard) {
    for (let i = 0; i < 30; i++) pushes.push(guard.classify(`word ${i}`))
  }
  const closing = guard.close()
  if (guard instanceof StreamGuard)
    pushes.push(guard.open('after').then((moderation) => moderation.push('more')))
  const settled = await Promise.allSettled(pushes)
  await closing
  for (const { reason } of settled) if (reason !== undefined && !GuardError.isGuardError(reason)) throw reason
}

async function collect() {
  for (let i = 0; i < 3; i++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function leave(stage, ending, model) {
  let guard = await STAGES[stage](model)
  switch (ending) {
    case 'close':
      return await guard.close()
    case 'double-close':
      return void (await Promise.all([guard.close(), guard.close(), guard.close()]))
    case 'push-close':
      return await closeWhilePushing(guard)
    case 'exit':
      return process.exit(0)
    case 'throw':
      throw new Error('on purpose')
    case 'collect':
      guard = undefined
      return await collect()
    case 'sigterm':
      process.once('SIGTERM', () => void guard.close())
      process.kill(process.pid, 'SIGTERM')
      return
    case 'killed':
      process.kill(process.pid, 'SIGTERM')
      await new Promise((resolve) => setTimeout(resolve, 60_000))
      return
    case 'end':
      return
    default:
      throw new RangeError(`there is no ending ${ending}`)
  }
}

if (isMainThread) {
  const [stage, ending, model] = process.argv.slice(2)
  if (ending === 'terminate' || ending === 'worker-end') {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { stage, ending, model } })
    worker.on('error', (error) => {
      throw error
    })
    if (ending === 'terminate') worker.once('message', () => worker.terminate())
  } else {
    await leave(stage, ending, model)
  }
} else {
  const { stage, ending, model } = workerData
  await STAGES[stage](model)
  parentPort.postMessage('reached')
  // One that is terminated must not have ended before.
  if (ending === 'terminate') setInterval(() => {}, 1000)
}
