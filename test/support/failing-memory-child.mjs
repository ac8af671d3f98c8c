// One call after another, each without memory from another allocation on: node failing-memory-child.mjs STAGE ALL STEP
// with failing-memory.cc preloaded. STAGE is `load`, `decode` or `close`; ALL is 1 where everything after the allocation
// fails as well. Prints how often each outcome came.
import { GenGuard } from '../../dist/index.js'

const [stage, all, step] = process.argv.slice(2)
const MODE = (all === '1' ? 2 : 1) << 24
const OPTIONS = { model: 'demo', gpu: false, threads: 2, maxSequences: 2, contextSize: 1024 }
const outcomes = {}
let calls = 0

/** Runs the call with the allocation failing; whether it came so far. */
async function failing(nth, call) {
  let timer
  const hung = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer: ${stage}, allocation ${nth}`)), 20_000)
  })
  let outcome = 'done'
  process.umask(MODE | nth)
  try {
    await Promise.race([call(), hung])
  } catch (error) {
    if (error?.code === undefined) throw error
    outcome = error.code
  }
  const counted = process.umask(0)
  clearTimeout(timer)
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  return counted >= nth
}

/** Numbers of allocations: each of the first, then fewer and fewer. */
function* numbers() {
  for (let nth = 1; ; nth += nth < 30 ? 1 : Math.ceil(nth * Number(step))) yield nth
}

const open = () => GenGuard.load(OPTIONS)
const text = () => `How can I make ${++calls} ${'sand castles '.repeat(calls % 7)}?`

// The addon is loaded then, so that what it allocates can be told.
await (await open()).close()
let guard = stage === 'decode' ? await open() : null
for (const nth of numbers()) {
  let reached
  if (stage === 'load') {
    reached = await failing(nth, async () => {
      guard = null
      guard = await open()
    })
    await guard?.close()
  } else if (stage === 'decode') {
    reached = await failing(nth, async () => {
      const answers = await Promise.allSettled([guard.classify(text()), guard.classify(text())])
      for (const { reason } of answers) if (reason) throw reason
    })
    // A guard that ran out of memory says so until it is closed.
    await guard.close()
    guard = await open()
    await guard.classify(text())
  } else {
    guard = await open()
    const left = Promise.allSettled([guard.classify(text()), guard.classify(text())])
    reached = await failing(nth, () => guard.close())
    await left
  }
  if (!reached) break
}
if (stage === 'decode') await guard.close()
console.log(JSON.stringify(outcomes))
