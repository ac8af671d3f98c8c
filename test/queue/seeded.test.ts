import path from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { Cluster, expectSame, type Sample, sample, seeded } from '../support/cluster.js'
import { REDIS, redis, Wire } from '../support/queue-servers.js'
import { temporaryDirectory } from '../support/temporary.js'

/** The long form: QWEN3GUARD_TEST_FAULTS=20. */
const RUNS = Number(process.env.QWEN3GUARD_TEST_FAULTS ?? 5)
const LIMIT_MS = 180_000
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe.skipIf(!REDIS)('a batch under faults that a seed says', () => {
  const directory = temporaryDirectory()
  let rows: Sample
  beforeAll(async () => {
    rows = await sample(directory, 'seeded', 300)
  }, LIMIT_MS)
  const clusters: Cluster[] = []
  afterAll(async () => {
    for (const cluster of clusters) await cluster.end()
  })

  it.each(Array.from({ length: RUNS }, (_, at) => at + 1))(
    'seed %d: has the bytes of a local run',
    async (seed) => {
      const random = seeded(seed)
      const persists = random() < 0.5
      const server = await redis({ persists })
      const wire = await Wire.before(server)
      const folder = random() < 0.5 ? ['--folder', path.join(directory, `shared-${seed}`)] : []
      const cluster = new Cluster(`redis://127.0.0.1:${wire.port}`, folder)
      clusters.push(cluster)
      const out = path.join(directory, `out-${seed}.jsonl`)
      try {
        let workers = [cluster.startWorker(), cluster.startWorker()]
        let batch = cluster.submit(rows, out)
        const faults: Record<string, () => Promise<void>> = {
          'kill a worker': async () => {
            const [killed, ...others] = workers
            killed?.child.kill('SIGKILL')
            workers = [...others, cluster.startWorker()]
          },
          'stop a worker for longer than its lock': async () => {
            const [stopped] = workers
            stopped?.child.kill('SIGSTOP')
            await sleep(2500)
            stopped?.child.kill('SIGCONT')
          },
          'end a worker': async () => {
            const [ended, ...others] = workers
            ended?.child.kill('SIGTERM')
            workers = [...others, cluster.startWorker()]
          },
          'cut the network': async () => {
            wire.cut()
            await sleep(500 + 2000 * random())
            wire.mend()
          },
          'kill the server': async () => {
            await server.stop()
            await sleep(500 * random())
            await server.start()
          },
          'kill the submitter': async () => {
            batch.child.kill('SIGKILL')
            await batch.finished
            batch = cluster.submit(rows, out, ['--resume'])
          },
        }
        const names = Object.keys(faults)
        const done: string[] = []
        for (let count = 2 + Math.floor(3 * random()); count > 0; count--) {
          await sleep(1500 * random())
          // It may be through.
          if (batch.child.exitCode !== null) break
          const name = names[Math.floor(random() * names.length)] as string
          done.push(name)
          await faults[name]?.()
        }
        expectSame(await batch.finished, out, rows, `seed ${seed}: ${done.join(', ')}`)
      } finally {
        await cluster.end()
        await wire.close()
        await server.stop()
      }
    },
    LIMIT_MS,
  )
})
