// Loads with four threads where the system gives the addon no more than MORE: node thread-limit-child.mjs MORE
// A preloaded failing-memory.cc refuses them, or else a limit on the user's processes. Prints how it ended.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { StreamGuard } from '../../dist/index.js'

const more = Number(process.argv[2])

const load = (threads) => StreamGuard.load({ model: 'demo', gpu: false, threads })

// All of Node's own threads are there after that, and the weights, which take threads for a moment and do without where there are none.
const warm = await load(1)
await warm.classifyPrompt('a text')

if (process.env.LD_PRELOAD) {
  process.umask((4 << 24) | (more + 1))
} else {
  const now = Number(/^Threads:\s+(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1])
  execFileSync('prlimit', ['--pid', String(process.pid), `--nproc=${now + more}:${now + more}`])
}
try {
  const guard = await load(4)
  await guard.classifyPrompt('a text')
  await guard.close()
  console.log('judged')
} catch (error) {
  console.log(`${error.code}: ${error.message}`)
}
await warm.close()
