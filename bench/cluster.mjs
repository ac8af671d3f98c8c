// npm run bench -- cluster: rows a second of 1, 2 and 4 workers of a queue in Redis, on the demonstration model with one thread
// each, against the same rows judged in one process; and what the queue costs a row.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { awaitBatch, enqueueBatch } from '../dist/queue/index.js'
import { open } from './batch/guard.mjs'
import { numbered, PROMPTS } from './gen/texts.mjs'
import { median, quiet, table, time } from './measure.mjs'

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

export async function benchCluster({ short, rounds = 3 }) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-cluster-'))
  const workers = []
  let redis
  try {
    const rows = short ? 64 : 2048
    const file = path.join(directory, 'rows.jsonl')
    writeFileSync(
      file,
      Array.from(
        { length: rows },
        (_, i) => `${JSON.stringify({ prompt: numbered(PROMPTS[i % PROMPTS.length], i) })}\n`,
      ).join(''),
    )
    const here = await inProcess(file, rounds)
    const lines = [['one process', (rows / here).toFixed(0), ((here / rows) * 1000).toFixed(2), '', '']]
    redis = await startRedis(directory)
    if (!redis) console.log('not measured: workers (redis-server is not installed)')
    for (const count of redis ? (short ? [1, 2] : [1, 2, 4]) : []) {
      while (workers.length < count) workers.push(await startWorker(redis.url))
      const seconds = await throughQueue(file, redis.url, short ? 16 : 64, rounds)
      const per = (seconds / rows) * 1000
      lines.push([
        `${count} worker${count > 1 ? 's' : ''}`,
        (rows / seconds).toFixed(0),
        per.toFixed(2),
        count === 1 ? `${(per - (here / rows) * 1000).toFixed(2)}` : '',
        `${((100 * here) / seconds / count).toFixed(0)} %`,
      ])
    }
    console.log(
      `\n${rows} rows, ${os.availableParallelism()} cores, one thread a process, median of ${rounds}\n`,
    )
    table(['', 'rows a second', 'ms a row', 'of it the queue, ms', 'of as many single processes'], lines)
  } finally {
    for (const worker of workers) worker.kill('SIGKILL')
    redis?.program.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Median seconds, file to file. */
async function inProcess(file, rounds) {
  process.removeAllListeners('warning')
  const contender = await open({ model: 'demo-gen', threads: 1, gpu: false })
  const seconds = []
  for (let round = 0; round < rounds; round++) {
    await quiet()
    seconds.push((await time(() => contender.batch(file))) / 1000)
  }
  return median(seconds)
}

/** Median seconds from the reading of the file to the last line of the output. */
async function throughQueue(file, connection, chunkRows, rounds) {
  const seconds = []
  for (let round = 0; round < rounds; round++) {
    await quiet()
    const run = async () => {
      // Another name, or the batch of the round before would be found.
      const modelName = `demo-gen ${Math.random()}`
      const batch = await enqueueBatch(file, { connection, model: 'demo-gen', modelName, chunkRows })
      const { lines } = await awaitBatch(batch.id, { connection, pollMs: 20 })
      let count = 0
      for await (const _ of lines()) count += 1
      if (count !== batch.rows) throw new Error(`${batch.rows} rows were sent, and ${count} came back`)
    }
    seconds.push((await time(run)) / 1000)
  }
  return median(seconds)
}

async function startRedis(directory) {
  if (spawnSync('redis-server', ['--version']).status !== 0) return null
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address()
  free.close()
  await once(free, 'close')
  const options = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', directory].map(String)
  const program = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const text of program.stdout) if (String(text).includes('Ready to accept')) break
  return { program, url: `redis://127.0.0.1:${port}` }
}

async function startWorker(url) {
  const worker = spawn(process.execPath, [MAIN, 'worker', '--redis', url, '--threads', '1', '--gpu', 'off'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  for await (const text of worker.stderr.iterator({ destroyOnReturn: false })) {
    if (String(text).includes('waits for work')) break
  }
  worker.stderr.resume()
  return worker
}
