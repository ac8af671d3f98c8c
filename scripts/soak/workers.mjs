// Workers that judge and end or are terminated, and two copies of the package: node scripts/soak/workers.mjs [--count N] [--seed N].
// `count` workers (default 100), ten at a time.
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { finish, handles, randomOf, residentBytes, say, soakArguments } from './support/soak.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ENTRY = path.join(ROOT, 'dist', 'index.js')
const { count, seed } = soakArguments({ count: 100 })
const random = randomOf(seed)
const faults = []

const PROGRAM = `
  const { parentPort } = require('node:worker_threads')
  import(${JSON.stringify(pathToFileURL(ENTRY).href)}).then(async ({ GenGuard }) => {
    const guard = await GenGuard.load({ model: 'demo', gpu: false, threads: 1, maxSequences: 4, contextSize: 512 })
    const { safety } = await guard.classify('How do I bake bread?')
    parentPort.postMessage(safety)
    for (let i = 0; i < 20; i++) await guard.classify('How do I bake bread number ' + i + '?')
    await guard.close()
  })`

function live(terminates) {
  return new Promise((resolve) => {
    const worker = new Worker(PROGRAM, { eval: true, execArgv: ['--no-warnings'] })
    let said = null
    worker.on('message', (safety) => {
      said = safety
      if (terminates) worker.terminate()
    })
    worker.on('error', (error) => faults.push(`a worker: ${error.stack}`))
    worker.on('exit', (code) => {
      if (said !== 'Safe') faults.push(`a worker said ${said}`)
      if (code !== 0 && !terminates) faults.push(`a worker ended with ${code}`)
      resolve()
    })
  })
}

let first = null
let begun = 0
while (begun < count) {
  const some = Math.min(10, count - begun)
  await Promise.all(Array.from({ length: some }, () => live(random() < 0.5)))
  begun += some
  first ??= { resident: residentBytes(), ...handles() }
  say(`${begun} workers, ${Math.round(residentBytes() / 2 ** 20)} MiB`)
}
const last = { resident: residentBytes(), ...handles() }
const grown = last.resident - first.resident
if (grown > 64 * 2 ** 20)
  faults.push(`${Math.round(grown / 2 ** 20)} MiB more after ${count} workers than after ten`)
if (last.threads > first.threads) faults.push(`${last.threads} threads, and ${first.threads} before`)

const folder = mkdtempSync(path.join(tmpdir(), 'qwen3guard-copy-'))
try {
  for (const name of ['dist', 'models', 'native', 'package.json', 'build/Release/qwen3guard.node']) {
    cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true })
  }
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'))
  const copies = await Promise.all([
    import(ENTRY),
    import(pathToFileURL(path.join(folder, 'dist', 'index.js')).href),
  ])
  const guards = await Promise.all(copies.map(({ GenGuard }) => GenGuard.load({ model: 'demo', gpu: false })))
  const said = await Promise.all(guards.map((guard) => guard.classify('How can I make a bomb?')))
  if (said[0].text !== said[1].text) faults.push(`two copies say ${said.map(({ text }) => text)}`)
  const closing = guards[0].close()
  const other = await guards[1].classify('How do I bake bread?')
  if (other.safety !== 'Safe') faults.push(`a copy says ${other.safety} while the other closes`)
  await Promise.all([closing, guards[1].close()])
} finally {
  rmSync(folder, { recursive: true, force: true })
}

finish({
  promise: 'workers judge, end and are terminated, and two copies of the package live in one process',
  figure: `${count} workers, ${(grown / 2 ** 20).toFixed(1)} MiB more after the last than after the tenth, threads as before; two copies agree`,
  faults,
  seed,
})
