import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { jsonLines } from '../support/cli.js'
import { Cluster, expectSame, type Sample, sample } from '../support/cluster.js'
import { MISSING, type QueueServer, REDIS, redis, Wire } from '../support/queue-servers.js'
import { temporaryDirectory } from '../support/temporary.js'

// Workers, servers and the network fail; what is written are the bytes of a local run. Each waits for a lock to run out, which
// is 1.5 seconds here. The rows last 0.8 seconds where nothing fails: the fault comes early in them, whatever the machine.
const directory = temporaryDirectory()
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LIMIT_MS = 120_000
const EARLY_MS = 200
if (MISSING.length > 0) console.warn(`skipped: tests of queues need ${MISSING.join(' and ')}`)

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
let files = 0
const outFile = () => path.join(directory, `out-${++files}.jsonl`)

describe.skipIf(!REDIS)('a batch in a queue', () => {
  let server: QueueServer
  let rows: Sample
  let cluster: Cluster

  beforeAll(async () => {
    server = await redis({ persists: true })
    rows = await sample(directory, 'rows', 400)
  }, LIMIT_MS)
  afterAll(async () => await server?.stop())
  afterEach(async () => await cluster.end())

  /** A queue of its own for each test. */
  function queue(url = server.url, ...flags: string[]): Cluster {
    cluster = new Cluster(url, ['--queue-name', `faults-${++files}`, ...flags])
    return cluster
  }

  it(
    'outlives a worker that is killed in mid chunk',
    async () => {
      const { worker, submit } = bound(queue())
      const [first] = [await worker(), await worker()]
      const out = outFile()
      const batch = submit(rows, out)
      await batch.until('stderr', 'is in the queue')
      await sleep(EARLY_MS)
      first.child.kill('SIGKILL')
      expectSame(await batch.finished, out, rows)
    },
    LIMIT_MS,
  )

  it(
    'goes on with all workers gone, when others come',
    async () => {
      const { worker, submit } = bound(queue())
      const first = await worker()
      const out = outFile()
      const batch = submit(rows, out)
      await batch.until('stderr', 'is in the queue')
      await sleep(EARLY_MS)
      first.child.kill('SIGKILL')
      await batch.until('stderr', 'no worker is connected')
      await worker()
      expectSame(await batch.finished, out, rows)
    },
    LIMIT_MS,
  )

  it(
    'outlives a server that is killed and keeps what it had',
    async () => {
      const own = await redis({ persists: true })
      try {
        const { worker, submit } = bound(queue(own.url))
        await worker()
        const out = outFile()
        const batch = submit(rows, out)
        await batch.until('stderr', 'is in the queue')
        await sleep(EARLY_MS)
        await own.stop()
        await sleep(500)
        await own.start()
        expectSame(await batch.finished, out, rows)
      } finally {
        await own.stop()
      }
    },
    LIMIT_MS,
  )

  it.each([
    ['in the queue', false],
    ['in a folder', true],
  ])(
    'outlives a server that forgets all: rows %s',
    async (_, inFolder) => {
      const own = await redis({ persists: false })
      try {
        const folder = path.join(directory, `forgets-${++files}`)
        const { worker, submit } = bound(queue(own.url, ...(inFolder ? ['--folder', folder] : [])))
        await worker()
        const out = outFile()
        const batch = submit(rows, out)
        await batch.until('stderr', 'is in the queue')
        await sleep(EARLY_MS)
        await own.stop()
        await own.start()
        const finished = await batch.finished
        expectSame(finished, out, rows)
        expect(finished.stderr).toContain('it is added anew')
      } finally {
        await own.stop()
      }
    },
    LIMIT_MS,
  )

  it(
    'outlives a network that is cut, for workers and submitters',
    async () => {
      const wire = await Wire.before(server)
      try {
        const { worker, submit } = bound(queue(`redis://127.0.0.1:${wire.port}`))
        await worker()
        const out = outFile()
        const batch = submit(rows, out)
        await batch.until('stderr', 'is in the queue')
        await sleep(EARLY_MS)
        wire.cut()
        await sleep(2500)
        wire.mend()
        expectSame(await batch.finished, out, rows)
      } finally {
        await cluster.end()
        await wire.close()
      }
    },
    LIMIT_MS,
  )

  it.each([
    ['in the queue', false],
    ['in a folder', true],
  ])(
    'has no row twice when a worker was too slow for its lock: rows %s',
    async (_, inFolder) => {
      const folder = path.join(directory, `slow-${++files}`)
      const { worker, submit } = bound(queue(server.url, ...(inFolder ? ['--folder', folder] : [])))
      const slow = await worker()
      const out = outFile()
      const batch = submit(rows, out)
      await batch.until('stderr', 'is in the queue')
      await sleep(EARLY_MS)
      slow.child.kill('SIGSTOP')
      const other = await worker()
      await other.until('stderr', 'is taken over from a worker that is gone')
      await sleep(1000)
      slow.child.kill('SIGCONT')
      expectSame(await batch.finished, out, rows)
    },
    LIMIT_MS,
  )

  it(
    'gives a row up that ends every worker, and that row alone',
    async () => {
      const { cluster, submit } = bound(queue())
      const poisoned = await sample(directory, 'poisoned', 100, (id) =>
        id === 71 ? 'a POISONED text' : `How do I bake bread number ${id}?`,
      )
      let ended = 0
      let done = false
      const supervised = (async () => {
        while (!done) {
          const { code } = await cluster.startWorker([], { poison: 'POISONED' }).finished
          if (code === null) ended += 1
        }
      })()
      const out = outFile()
      const { code, stderr } = await submit(poisoned, out).finished
      done = true
      await cluster.end()
      await supervised
      expect(code, stderr).toBe(1)
      const [judged, local] = [jsonLines(readFileSync(out, 'utf8')), jsonLines(poisoned.local)]
      expect(judged[71]).toEqual({
        id: 71,
        prompt: 'a POISONED text',
        error: { code: 'ERR_WORKER_LOST', message: expect.stringContaining('given up'), line: 72 },
      })
      expect(judged.toSpliced(71, 1)).toEqual(local.toSpliced(71, 1))
      // Twice the chunk of 32, a sixteenth of it, the row; and the last one, which the test ended.
      expect(ended).toBe(7)
    },
    LIMIT_MS,
  )

  it(
    'gives a row up that a worker never ends, when its time is over',
    async () => {
      const { worker, submit } = bound(queue())
      const hanging = await sample(directory, 'hanging', 20, (id) =>
        id === 3 ? 'a text that HANGS' : `How do I bake bread number ${id}?`,
      )
      await worker([], { hanging: 'HANGS' })
      const out = outFile()
      const { code, stderr } = await submit(hanging, out, ['--row-timeout', '5']).finished
      expect(code, stderr).toBe(1)
      const [judged, local] = [jsonLines(readFileSync(out, 'utf8')), jsonLines(hanging.local)]
      expect(judged[3]).toMatchObject({ id: 3, error: { code: 'ERR_ROW_TIMEOUT', line: 4 } })
      expect(judged.toSpliced(3, 1)).toEqual(local.toSpliced(3, 1))
    },
    LIMIT_MS,
  )

  it(
    'is left to others by a worker with another model file, or another version',
    async () => {
      const { worker, submit } = bound(queue())
      const other = path.join(directory, 'other.gguf')
      const model = readFileSync(path.join(ROOT, 'models', 'demo-gen.gguf'))
      // The same model, but that one letter of its name is another.
      const name = model.indexOf('general.name') + 'general.name'.length + 4 + 8
      model[name] = 'Z'.charCodeAt(0)
      writeFileSync(other, model)
      const wrong = [
        await worker(['--model', other, '--name', 'other-file']),
        await worker(['--model', 'demo-stream', '--name', 'other-kind']),
        await worker(['--context-size', '1024', '--name', 'other-size']),
        await worker(['--name', 'other-version'], {}, otherVersion()),
      ]
      const out = outFile()
      const batch = submit(rows, out)
      await batch.until(
        'stderr',
        'other-file leaves work to others: the batch needs another model file: sha256',
      )
      await batch.until('stderr', 'other-kind leaves work to others: the batch needs a Gen model')
      await batch.until('stderr', 'other-size leaves work to others: the batch needs contextSize')
      await batch.until('stderr', 'other-version leaves work to others: the batch is of qwen3guard')
      await worker()
      expectSame(await batch.finished, out, rows)
      for (const { child } of wrong) child.kill('SIGTERM')
      for (const { finished } of wrong) expect((await finished).stderr).toContain('0 rows in 0 jobs')
    },
    LIMIT_MS,
  )

  /** The command line of this package under another version. */
  function otherVersion(): string {
    const copy = path.join(directory, 'other-version')
    mkdirSync(copy)
    cpSync(path.join(ROOT, 'dist'), path.join(copy, 'dist'), { recursive: true })
    for (const name of ['node_modules', 'build', 'models', 'native']) {
      symlinkSync(path.join(ROOT, name), path.join(copy, name))
    }
    const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as object
    writeFileSync(path.join(copy, 'package.json'), JSON.stringify({ ...manifest, version: '0.0.1-other' }))
    return path.join(copy, 'dist', 'cli', 'main.js')
  }

  it.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)(
    'waits while the disk is full',
    async () => {
      const folder = path.join(directory, 'small-disk')
      mkdirSync(folder)
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'pipe' })
      } catch {
        console.warn('skipped: no file system may be mounted here')
        return
      }
      try {
        const { worker, submit } = bound(queue(server.url, '--folder', folder))
        const out = outFile()
        const batch = submit(rows, out)
        await batch.until('stderr', 'is in the queue')
        const filler = path.join(folder, 'filler')
        expect(() => writeFileSync(filler, Buffer.alloc(2 ** 20))).toThrow('ENOSPC')
        await worker()
        await batch.until('stderr', 'its disk is full (ENOSPC')
        rmSync(filler)
        expectSame(await batch.finished, out, rows)
      } finally {
        await cluster.end()
        execFileSync('umount', [folder])
      }
    },
    LIMIT_MS,
  )

  it(
    'is judged once for two who submit it at the same time',
    async () => {
      const { worker, submit } = bound(queue())
      const [one, two] = [await worker(), await worker()]
      const outs = [outFile(), outFile()]
      const batches = outs.map((out) => submit(rows, out))
      for (const [at, batch] of batches.entries()) expectSame(await batch.finished, outs[at] as string, rows)
      let judged = 0
      for (const { child, finished } of [one, two]) {
        child.kill('SIGTERM')
        judged += Number(/(\d+) rows in \d+ jobs/.exec((await finished).stderr)?.[1])
      }
      expect(judged).toBe(rows.count)
    },
    LIMIT_MS,
  )

  it(
    'goes on when its submitter was killed, who finds it again',
    async () => {
      const { worker, submit } = bound(queue())
      const out = outFile()
      const first = submit(rows, out)
      await first.until('stderr', 'is in the queue')
      first.child.kill('SIGKILL')
      await first.finished
      await worker()
      await sleep(500)
      const second = submit(rows, out, ['--resume'])
      const finished = await second.finished
      expectSame(finished, out, rows)
      expect(finished.stderr).toContain('is in the queue already')
    },
    LIMIT_MS,
  )

  it(
    'is given back by a worker that must end, or finished',
    async () => {
      const { worker, submit } = bound(queue())
      // Slow enough that it has chunks in work when it must end, however fast the machine.
      const first = await worker(['--grace', '0'], { delayMs: 3000 })
      const out = outFile()
      const batch = submit(rows, out)
      await batch.until('stderr', 'is in the queue')
      await sleep(300)
      const patient = await worker(['--grace', '60'])
      await sleep(300)
      for (const { child } of [first, patient]) child.kill('SIGTERM')
      const [given, kept] = [await first.finished, await patient.finished]
      expect([given.code, kept.code]).toEqual([0, 0])
      expect(given.stderr).toMatch(/[12] jobs left to others/)
      expect(kept.stderr).toMatch(/ 0 jobs left to others/)
      expect(kept.stderr).not.toMatch(/\b0 rows in/)
      await worker()
      expectSame(await batch.finished, out, rows)
    },
    LIMIT_MS,
  )
})

/** A cluster's methods as functions. */
function bound(cluster: Cluster) {
  return {
    cluster,
    worker: (...options: Parameters<Cluster['worker']>) => cluster.worker(...options),
    submit: (...options: Parameters<Cluster['submit']>) => cluster.submit(...options),
  }
}
