// One process of `npm run bench -- load`: loads a model, judges one short text and says when, and what memory it holds.
import { readFileSync } from 'node:fs'
import { watchPhases } from './phases.mjs'
import { residentParts } from './resident.mjs'

const marks = [['Node.js', performance.now()]]
process.removeAllListeners('warning')
const { entry, model, template, threads } = JSON.parse(process.argv[2])
const chatTemplate = readFileSync(template, 'utf8')
const { loaded, close } = await (entry === 'node-llama-cpp' ? peer() : guard())
const verdict = performance.now()
const status = (field) =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
const memory =
  process.platform === 'linux'
    ? { resident: status('VmRSS'), peak: status('VmHWM') }
    : { resident: process.memoryUsage.rss() / 2 ** 20, peak: process.resourceUsage().maxRSS / 1024 }
marks.push(['policy text and verdict', verdict])
const parts = process.platform === 'linux' ? residentParts() : []
console.log(JSON.stringify({ loaded, verdict, ...memory, marks, parts }))
await close()

async function guard() {
  const { GenGuard } = await import(entry)
  marks.push(['modules', performance.now()])
  await watchPhases(entry, marks)
  const guard = await GenGuard.load({ model, chatTemplate, threads, gpu: false })
  const loaded = performance.now()
  marks.push(['tokenizer and template', loaded])
  await guard.classify('hello')
  return { loaded, close: () => guard.close() }
}

async function peer() {
  const { open } = await import('../gen/node-llama-cpp.mjs')
  const { one } = await open({ model, chatTemplate, threads, sequences: 1 })
  const loaded = performance.now()
  await one('hello')
  return { loaded, close: () => process.exit() }
}
