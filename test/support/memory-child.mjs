// What is left of a guard in memory after one ending, thrice: node memory-child.mjs MODEL ENDING
// Prints resident bytes: before, with the guard loaded (null where no moment shows it), and after.
import { readFileSync } from 'node:fs'
import { Engine } from '../../dist/engine/engine.js'
import { Model } from '../../dist/engine/model.js'
import { GenGuard, GuardError, StreamGuard } from '../../dist/index.js'

const [file, ending] = process.argv.slice(2)
const TIMES = 3

const resident = () => Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * 4096
/** What was given up ends by itself: waits until memory is back, or for so long that it never will be. */
async function settled(before, least) {
  for (let i = 0; i < 300 && resident() - before > least; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return resident()
}

async function expected(promise, matches) {
  try {
    await promise
  } catch (error) {
    if (matches(error)) return
    throw error
  }
  throw new Error('it did not fail')
}

const ENGINE = {
  contextSize: 2048,
  maxSequences: 1,
  cells: 2048,
  unified: true,
  maxQueue: 4,
  batchSize: 64,
  maxOutputs: 64,
  prefillTokens: 64,
  offloads: false,
  keeps: false,
  threads: 1,
  kvType: 'f32',
  flashAttention: false,
}

const kept = []
let loaded = null

async function load(options = {}) {
  const guard = await StreamGuard.load({ model: file, gpu: false, threads: 1, ...options })
  // What it says about a text is no verdict: the weights are zero.
  await guard.classifyPrompt('a text').catch((error) => {
    if (!GuardError.isGuardError(error)) throw error
  })
  loaded = resident()
  return guard
}

const ENDINGS = {
  async kept() {
    const guard = await load()
    kept.push(guard)
    await guard.close()
  },
  async twice() {
    const guard = await load()
    kept.push(guard)
    await Promise.all([guard.close(), guard.close()])
    await guard.close()
  },
  async waiting() {
    const guard = await load({ maxSequences: 1 })
    kept.push(guard)
    const waiting = Array.from({ length: 8 }, () =>
      guard.classifyPrompt('word '.repeat(20)).catch((error) => error),
    )
    await guard.close()
    kept.push(...(await Promise.all(waiting)))
  },
  async failed() {
    const reason = new Error('the listener failed')
    const onProgress = (fraction) => {
      if (fraction < 1) return
      loaded = resident()
      throw reason
    }
    await expected(StreamGuard.load({ model: file, gpu: false, onProgress }), (error) => error === reason)
  },
  async 'aborted load'() {
    const stop = new AbortController()
    const onProgress = (fraction) => {
      if (fraction > 0.2) stop.abort()
    }
    const loading = StreamGuard.load({ model: file, gpu: false, onProgress, signal: stop.signal })
    await expected(loading, (error) => error === stop.signal.reason)
  },
  async 'aborted create'() {
    const stop = new AbortController()
    const onProgress = (fraction) => {
      if (fraction < 1) return
      loaded = resident()
      // The engine is made from the next turns on.
      setImmediate(() => stop.abort())
    }
    const loading = StreamGuard.load({ model: file, gpu: false, onProgress, signal: stop.signal })
    await expected(loading, (error) => error === stop.signal.reason)
  },
}

/** One check by a guard whose KV cache could hold far more than it needs. */
async function short() {
  const before = resident()
  const guard = await GenGuard.load({
    model: file,
    gpu: false,
    threads: 1,
    contextSize: 8192,
    maxSequences: 256,
  })
  await guard.classify('a text')
  loaded = resident()
  const { cellsFree } = guard.stats()
  await guard.close()
  return { before, loaded, after: resident(), cellsFree }
}

/** Engines of 40 MiB and more, none closed and none kept: V8 is to collect them, as it is told of what they hold. */
async function unclosed() {
  const model = await Model.load(file, { gpu: false })
  const before = resident()
  let most = 0
  for (let i = 0; i < 16; i++) {
    await Engine.create(model, ENGINE)
    most = Math.max(most, resident() - before)
    // A finalizer runs in a turn of its own.
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return { before, loaded: before + most, after: resident() }
}

// The first guard's own lasting needs: driver tables, compiled code, V8's heap.
const warm = await StreamGuard.load({ model: 'demo', gpu: false, threads: 1 })
await warm.classifyPrompt('a text')
await warm.close()

if (ending === 'unclosed' || ending === 'short') {
  console.log(JSON.stringify(await (ending === 'short' ? short : unclosed)()))
} else {
  const before = resident()
  for (let i = 0; i < TIMES; i++) await ENDINGS[ending]()
  const after = await settled(before, 48 * 2 ** 20)
  console.log(JSON.stringify({ before, loaded, after, kept: kept.length }))
}
