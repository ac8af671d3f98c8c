// One fault in a process of its own, with an addon whose calls fail on request (`npm run build:native -- --faults`):
// QWEN3GUARD_PREBUILD=build/faults node fault.mjs NAME FOLDER. Prints what whoever waited was told, as JSON; without a name,
// the names. Exits with 1 where that is not what it must be.
import { copyFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { loadBinding } from '../../../dist/binding/addon.js'
import { GenGuard, GuardError, StreamGuard } from '../../../dist/index.js'
import { quantizeGguf } from '../../../dist/models/convert/quantize.js'

const NAMES = ['decode', 'cells', 'throw', 'slow', 'stuck', 'memory', 'outputs', 'progress']
const ALWAYS = 2 ** 30
const QUIET = { gpu: false, threads: 2, contextSize: 1024, maxSequences: 4 }
const [, , name, folder] = process.argv

function fault(which, value, { skip = 0, times = 1 } = {}) {
  loadBinding().fault(NAMES.indexOf(which), value, skip, times)
}

/** A verdict, or the code of a typed error; what is not typed ends the process. */
async function told(call) {
  try {
    const { safety } = await call
    return safety ?? 'done'
  } catch (error) {
    if (!GuardError.isGuardError(error)) throw error
    return error.code
  }
}

const question = (i) => `How do I bake bread number ${i}?`
const ask = (guard, count) =>
  Promise.all(Array.from({ length: count }, (_, i) => told(guard.classify(question(i)))))

/** How a stream of some text ends: `done`, or the code of what blocked it. */
async function moderated(guard) {
  let blocked = null
  async function* reply() {
    for (const word of 'Mix flour and water, and wait until it has risen.'.split(' ')) yield `${word} `
  }
  for await (const event of guard.moderate('How do I bake bread?', reply())) {
    if (event.type === 'block') blocked = event.error?.code ?? event.reason
  }
  return blocked ?? 'done'
}

async function withGuard(use, options) {
  const guard = await GenGuard.load({ ...QUIET, model: 'demo', ...options })
  const before = await ask(guard, 4)
  const seen = await use(guard)
  const { failure, queued } = guard.stats()
  const after = await ask(guard, 4)
  const last = guard.stats().failure
  await guard.close()
  return { before, ...seen, failure, queued, after, last }
}

/** A model whose weights are used in the file: nothing is rearranged for f16. */
async function mappedModel() {
  const demo = fileURLToPath(new URL('../../../models/demo-gen.gguf', import.meta.url))
  const file = path.join(folder, `${name}.gguf`)
  await quantizeGguf(demo, file, { type: 'f16' })
  return file
}

async function whileLoading(change) {
  const model = await mappedModel()
  // It waits where it has begun to read, long enough for this process to come to it.
  fault('progress', 2000)
  let changed = false
  const onProgress = () => {
    if (!changed) change(model)
    changed = true
  }
  const loading = GenGuard.load({ ...QUIET, model, onProgress }).then((guard) =>
    guard.close().then(() => ({})),
  )
  return { told: [await told(loading)] }
}

const FAULTS = {
  'decode once': () =>
    withGuard(async (guard) => {
      fault('decode', -3)
      return { told: await ask(guard, 4) }
    }),
  'decode always': () =>
    withGuard(async (guard) => {
      fault('decode', -3, { times: ALWAYS })
      const all = await ask(guard, 12)
      const { failure } = guard.stats()
      fault('decode', 0)
      return { told: all, whileFailing: failure }
    }),
  'decode always, under streams': async () => {
    const guard = await StreamGuard.load({ ...QUIET, model: 'demo' })
    fault('decode', -3, { skip: 2, times: ALWAYS })
    const ended = await Promise.all(Array.from({ length: 6 }, () => moderated(guard)))
    // Those were one decode or two.
    for (let i = 0; i < 3; i++) ended.push(await moderated(guard))
    const { openSequences, queued, failure } = guard.stats()
    fault('decode', 0)
    const after = await moderated(guard)
    const last = guard.stats().failure
    await guard.close()
    return {
      told: ended,
      whileFailing: failure,
      before: ['done'],
      after: [after],
      last,
      queued: queued + openSequences,
    }
  },
  'decode once, each text by itself': async () => {
    const model = await mappedModel()
    return await withGuard(
      async (guard) => {
        fault('decode', -3, { skip: 1 })
        return { told: await ask(guard, 4) }
      },
      { model, deterministic: true },
    )
  },
  'no cells': () =>
    withGuard(async (guard) => {
      fault('cells', 1, { times: 2 })
      return { told: await ask(guard, 4) }
    }),
  'no memory for a batch': () =>
    withGuard(async (guard) => {
      fault('cells', -2)
      return { told: await ask(guard, 4) }
    }),
  'an exception': () => thrown(1),
  'memory in the decode thread': () => thrown(2),
  'what is no exception': () => thrown(3),
  'a slow decode': async () => {
    const guard = await StreamGuard.load({ ...QUIET, model: 'demo' })
    const moderation = await guard.open('What can I cook?')
    fault('slow', 60_000)
    const pushed = told(moderation.push('You could make a soup of lentils. '))
    await sleep(300)
    const { decodingMs } = guard.stats()
    await guard.close()
    return { told: [await pushed], decodingMs }
  },
  'a decode that hangs': async () => {
    const warned = []
    process.on('warning', ({ code }) => warned.push(code))
    const guard = await GenGuard.load({ ...QUIET, model: 'demo' })
    fault('stuck', 60_000)
    const asked = ask(guard, 6)
    await sleep(300)
    await guard.close()
    await sleep(10)
    return { told: await asked, warned }
  },
  'memory at load': async () => {
    const all = []
    for (let skip = 0; ; skip++) {
      fault('memory', 1, { skip })
      const one = await told(
        GenGuard.load({ ...QUIET, model: 'demo' }).then((guard) => guard.close().then(() => ({}))),
      )
      all.push(one)
      if (one === 'done') return { told: all }
    }
  },
  'memory for results': () =>
    withGuard(async (guard) => {
      fault('outputs', 1)
      return { told: await ask(guard, 4) }
    }),
  'a file that is cut off': async () => {
    const model = await mappedModel()
    return await withGuard(
      async (guard) => {
        truncateSync(model, 4096)
        return { told: await ask(guard, 4) }
      },
      { model },
    )
  },
  'a file that is cut off in a decode': async () => {
    const model = await mappedModel()
    return await withGuard(
      async (guard) => {
        fault('slow', 500)
        const asked = ask(guard, 4)
        await sleep(150)
        truncateSync(model, 4096)
        return { told: await asked }
      },
      { model },
    )
  },
  'a file that is written to': async () => {
    const model = await mappedModel()
    return await withGuard(
      async (guard) => {
        writeFileSync(model, 'GGUF', { flag: 'r+' })
        return { told: await ask(guard, 4) }
      },
      { model },
    )
  },
  'a file that another takes the place of': async () => {
    const model = await mappedModel()
    return await withGuard(
      async (guard) => {
        writeFileSync(`${model}.new`, 'another')
        renameSync(`${model}.new`, model)
        return { told: await ask(guard, 4) }
      },
      { model },
    )
  },
  'a file that is cut off while it is loaded': () => whileLoading((model) => truncateSync(model, 4096)),
  'a file that another takes the place of while it is loaded': () =>
    whileLoading((model) => {
      copyFileSync(model, `${model}.new`)
      renameSync(`${model}.new`, model)
    }),
}

function thrown(value) {
  return withGuard(async (guard) => {
    fault('throw', value)
    return { told: await ask(guard, 8) }
  })
}

/** What those who wait are told, besides verdicts; and what the engine is then: sound, or failed for good with that code. */
const EXPECTED = {
  'decode once': ['ERR_DECODE', 'sound'],
  'decode always': ['ERR_DECODE', 'sound'],
  'decode always, under streams': ['ERR_DECODE', 'sound'],
  'decode once, each text by itself': ['ERR_DECODE', 'sound'],
  'no cells': ['ERR_DECODE', 'sound'],
  'no memory for a batch': ['ERR_MEMORY', 'sound'],
  'an exception': ['ERR_DECODE', 'failed'],
  'memory in the decode thread': ['ERR_MEMORY', 'failed'],
  'what is no exception': ['ERR_DECODE', 'failed'],
  'a slow decode': ['ERR_CLOSED'],
  'a decode that hangs': ['ERR_DECODE'],
  'memory at load': ['ERR_MEMORY'],
  'memory for results': ['ERR_MEMORY', 'sound'],
  'a file that is cut off': ['ERR_MODEL_LOAD', 'failed'],
  'a file that is cut off in a decode': ['ERR_MODEL_LOAD', 'failed'],
  'a file that is written to': ['ERR_MODEL_LOAD', 'failed'],
  'a file that another takes the place of': [null, 'sound'],
  'a file that is cut off while it is loaded': ['ERR_MODEL_LOAD'],
  'a file that another takes the place of while it is loaded': ['ERR_MODEL_LOAD'],
}

/** What is wrong with what was seen, or null. */
function wrong({ told, before, after, failure, last, whileFailing, decodingMs, queued, warned }) {
  const [code, then] = EXPECTED[name]
  const others = told.filter((one) => one !== code && one !== 'Safe' && one !== 'done')
  if (others.length > 0) return `somebody was told ${others[0]}`
  if (code !== null && !told.includes(code)) return `nobody was told ${code}`
  if (queued !== undefined && queued !== 0) return `${queued} wait still`
  if (then === 'sound' && `${after}` !== `${before}`) return `it says ${after}, and before ${before}`
  if (then === 'sound' && last !== null) return `it says it has failed: ${last}`
  if (then === 'failed' && after.some((one) => one !== code)) return `it says ${after} after it has failed`
  if (then === 'failed' && !(failure && last)) return 'its stats do not say that it has failed'
  if (name.startsWith('decode always') && !whileFailing) return 'its stats do not say that every decode fails'
  if (name === 'a slow decode' && !(decodingMs >= 100))
    return `its stats say a decode runs for ${decodingMs} ms`
  if (name === 'a decode that hangs' && !warned.includes('QWEN3GUARD_STUCK')) return 'nobody was warned'
  return null
}

if (name === undefined) {
  console.log(JSON.stringify(Object.keys(FAULTS)))
} else {
  const seen = await FAULTS[name]()
  const problem = wrong(seen)
  console.log(JSON.stringify({ ...seen, ...(problem && { wrong: problem }) }))
  const code = problem ? 1 : 0
  // What hangs has a thread of Node's pool, too.
  if (name === 'a decode that hangs') process.exit(code)
  process.exitCode = code
}
