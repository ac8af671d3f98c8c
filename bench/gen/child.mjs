// One contender in a process of its own, so that its threads and memory are its own: answers one job at a time.
// Started by contender.mjs.
import { burn } from '../stream/burn.mjs'

const { open } = await import(process.argv[2])
let calm = () => {}
const run = {
  ...(await open(JSON.parse(process.argv[3]))),
  /** Milliseconds of CPU that this process has had. */
  cpu: async () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
  /** Keeps the event loop half busy, or no longer. */
  burn: async (on) => {
    calm()
    calm = on ? burn() : () => {}
  },
}
process.send({ ready: true })

// Nobody is left to answer: a bench that was killed.
process.on('disconnect', () => process.exit())
process.on('message', async ({ job, input }) => {
  try {
    const started = performance.now()
    const result = await run[job](input)
    const ms = performance.now() - started
    process.send({ result, ms, peak: process.resourceUsage().maxRSS * 1024 })
  } catch (error) {
    process.send({ error: error.stack })
  }
})
