// What places for streams cost: memory and time by maxSequences and contextSize, on the demonstration model and on the 0.6B
// shape, each in a process of its own: `npm run bench -- places`.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { StreamGuard } from '../dist/index.js'
import { median, table } from './measure.mjs'
import { padModel } from './pad-model.mjs'

const SETTINGS = [
  [8, 2048],
  [16, 2048],
  [32, 1024],
  [32, 2048],
]

export async function benchPlaces({ model, short, threads, rounds = 5 }) {
  const models = model
    ? { [model]: model }
    : { demonstration: 'demo-stream', '0.6B shape': await padModel('stream', { short }) }
  const rows = []
  for (const [name, file] of Object.entries(models)) {
    for (const [maxSequences, contextSize] of short ? SETTINGS.slice(0, 1) : SETTINGS) {
      const options = { model: file, gpu: false, maxSequences, contextSize, ...(threads && { threads }) }
      const { status, stdout } = spawnSync(
        process.execPath,
        [fileURLToPath(import.meta.url), JSON.stringify({ options, rounds })],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
      )
      const cells = status === 0 ? JSON.parse(stdout) : ['failed', '', '', '', '']
      rows.push([name, maxSequences, contextSize, ...cells])
    }
  }
  table(
    [
      ...['model', 'maxSequences', 'contextSize', 'MiB after load'],
      ...['a word of 8 replies: ms', 'CPU ms', 'a word of all: ms', 'CPU ms'],
    ],
    rows,
  )
}

async function measure({ options, rounds }) {
  process.removeAllListeners('warning')
  const guard = await StreamGuard.load(options)
  const mib = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
  const open = await Promise.all(
    Array.from({ length: options.maxSequences }, () => guard.open('How do I bake bread?')),
  )
  const push = async (streams) => {
    const wall = []
    const cpu = []
    for (let round = 0; round <= rounds; round++) {
      const [begun, used] = [performance.now(), process.cpuUsage()]
      await Promise.all(open.slice(0, streams).map((moderation) => moderation.push(' bread')))
      // The first push holds its word back.
      if (round === 0) continue
      wall.push(performance.now() - begun)
      const { user, system } = process.cpuUsage(used)
      cpu.push((user + system) / 1000)
    }
    return [median(wall), median(cpu)].map((ms) => ms.toFixed(options.model === 'demo-stream' ? 1 : 0))
  }
  const [eight, all] = [await push(8), await push(open.length)]
  await guard.close()
  console.log(JSON.stringify([mib.toFixed(0), ...eight, ...all]))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await measure(JSON.parse(process.argv[2]))
