import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest'
import { Cluster, expectSame, type Sample, sample } from '../support/cluster.js'
import { POSTGRES, postgres, type QueueServer, Wire } from '../support/queue-servers.js'
import { temporaryDirectory } from '../support/temporary.js'

const LIMIT_MS = 180_000
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe.skipIf(!POSTGRES)('a batch in a queue in PostgreSQL', () => {
  const directory = temporaryDirectory()
  let server: QueueServer
  let rows: Sample
  let cluster: Cluster
  let files = 0
  const outFile = () => path.join(directory, `out-${++files}.jsonl`)

  beforeAll(async () => {
    server = await postgres()
    rows = await sample(directory, 'rows', 300)
  }, LIMIT_MS)
  afterAll(async () => await server?.stop('SIGINT'))
  afterEach(async () => await cluster?.end())

  it(
    'has the bytes of a local run, with a worker killed in mid chunk',
    async () => {
      cluster = new Cluster(server.url, ['--queue-name', 'killed'])
      const first = await cluster.worker()
      await cluster.worker()
      const out = outFile()
      const batch = cluster.submit(rows, out)
      await batch.until('stderr', 'is in the queue')
      await sleep(200)
      first.child.kill('SIGKILL')
      expectSame(await batch.finished, out, rows)
    },
    LIMIT_MS,
  )

  it(
    'outlives a server that is killed, and a network that is cut',
    async () => {
      const wire = await Wire.before(server)
      try {
        const url = server.url.replace(`:${server.port}/`, `:${wire.port}/`)
        cluster = new Cluster(url, ['--queue-name', 'restarted', '--folder', path.join(directory, 'folder')])
        await cluster.worker()
        await cluster.worker()
        const out = outFile()
        const batch = cluster.submit(rows, out)
        await batch.until('stderr', 'is in the queue')
        // Early in the rows, which last 0.6 seconds where nothing fails. What is judged while the wire is cut is judged again.
        await sleep(200)
        wire.cut()
        await sleep(600)
        wire.mend()
        await sleep(300)
        await server.stop()
        await server.start()
        expectSame(await batch.finished, out, rows)
      } finally {
        await cluster.end()
        await wire.close()
      }
    },
    LIMIT_MS,
  )
})
