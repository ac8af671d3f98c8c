import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import * as bullmq from 'bullmq'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readRows } from '../../lib/data/read-rows.js'
import type { Row } from '../../lib/data/row.js'
import { writeTable } from '../../lib/data/write-table.js'
import {
  awaitBatch,
  type ChunkStore,
  createGuardWorker,
  enqueueBatch,
  type GuardWorker,
  queueMetrics,
} from '../../lib/queue/index.js'
import { nextParts } from '../../lib/queue/parts.js'
import { rowOf, rowText } from '../../lib/queue/row-text.js'
import { cli, jsonLines, Running } from '../support/cli.js'
import { FIELDS } from '../support/cluster.js'
import { type QueueServer, REDIS, redis } from '../support/queue-servers.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const LIMIT_MS = 120_000
const PROMPTS = Array.from({ length: 70 }, (_, id) => ({ id, prompt: `How do I bake bread number ${id}?` }))

describe.skipIf(!REDIS)('qwen3guard/bullmq', () => {
  let server: QueueServer
  const workers: GuardWorker[] = []
  beforeAll(async () => {
    server = await redis()
  })
  afterAll(async () => {
    for (const worker of workers) await worker.close()
    await server?.stop()
  })

  async function worker(options: object): Promise<GuardWorker> {
    const gen = { model: 'demo-gen', threads: 1 }
    const made = await createGuardWorker({ connection: server.url, gen, ...options })
    workers.push(made)
    await made.ready()
    return made
  }

  it(
    'judges rows of a program, and attaches to what is there',
    async () => {
      const place = { connection: server.url, queue: 'program' }
      const one = await worker(place)
      const options = { ...place, model: 'demo-gen', chunkRows: 16 }
      const batch = await enqueueBatch(PROMPTS, options)
      expect(batch).toMatchObject({ rows: 70, chunks: 5, attached: false })
      const progress: object[] = []
      const result = await awaitBatch(batch.id, {
        ...place,
        pollMs: 20,
        onProgress: (now) => progress.push(now),
      })
      expect(result).toMatchObject({ rows: 70, failed: 0, chunks: 5, output: null })
      let id = 0
      for await (const line of result.lines()) {
        expect(JSON.parse(line)).toMatchObject({ ...PROMPTS[id++], verdict: { safety: 'Safe', kind: 'gen' } })
      }
      expect(id).toBe(70)
      expect(progress[0]).toMatchObject({ rows: 70, chunks: 5 })
      expect(await enqueueBatch(PROMPTS, options)).toEqual({ ...batch, attached: true })
      // Another policy is another batch.
      const other = await enqueueBatch(PROMPTS, { ...options, policy: { mode: 'loose' } })
      expect(other.id).not.toBe(batch.id)
      await awaitBatch(other.id, { ...place, pollMs: 20 })
      expect(one.stats()).toMatchObject({ chunks: 10, rows: 140, failed: 0 })
    },
    LIMIT_MS,
  )

  it(
    'takes the classes and the client of the caller',
    async () => {
      const { Redis } = await import('ioredis')
      const client = new Redis(server.url, { maxRetriesPerRequest: null })
      const place = { connection: client, bullmq, queue: 'classes' }
      await worker(place)
      const { id } = await enqueueBatch(PROMPTS.slice(0, 3), { ...place, model: 'demo-gen' })
      expect((await awaitBatch(id, { ...place, pollMs: 20 })).rows).toBe(3)
      await workers.pop()?.close()
      expect(await client.ping()).toBe('PONG')
      client.disconnect()
    },
    LIMIT_MS,
  )

  it(
    'puts rows and results into a folder, and joins them there',
    async () => {
      const folder = path.join(directory, 'folder')
      const place = { connection: server.url, queue: 'folder', folder }
      await worker(place)
      const { id } = await enqueueBatch(PROMPTS, { ...place, model: 'demo-gen', chunkRows: 32 })
      const { output, lines } = await awaitBatch(id, { ...place, pollMs: 20 })
      const judged: string[] = []
      for await (const line of lines()) judged.push(line)
      expect(readFileSync(path.join(folder, output as string), 'utf8')).toBe(`${judged.join('\n')}\n`)
      expect(readdirSync(path.join(folder, id)).sort()).toEqual([
        'judged-000001.jsonl',
        'judged-000002.jsonl',
        'judged-000003.jsonl',
        'output.jsonl',
      ])
    },
    LIMIT_MS,
  )

  it(
    'finds a result that is not what its worker wrote, and judges it again when it is enqueued again',
    async () => {
      const held = new Map<string, Uint8Array>()
      const store: ChunkStore = {
        read: async (name) => held.get(name) ?? null,
        write: async (name, bytes) => {
          const isFirst = name.endsWith('judged-000002.jsonl') && !held.has('broken')
          held.set(name, isFirst ? Buffer.from(`${Buffer.from(bytes)}`.replace('Safe', 'safe')) : bytes)
          if (isFirst) held.set('broken', bytes)
        },
        remove: async (name) => void held.delete(name),
      }
      const place = { connection: server.url, queue: 'store', store }
      await worker(place)
      const options = { ...place, model: 'demo-gen', chunkRows: 32 }
      const { id } = await enqueueBatch(PROMPTS, options)
      const failure = awaitBatch(id, { ...place, pollMs: 20 })
      await expect(failure).rejects.toMatchObject({
        code: 'ERR_BATCH_FAILED',
        message: expect.stringContaining('holds other rows than its worker wrote'),
      })
      expect(await enqueueBatch(PROMPTS, options)).toMatchObject({ id, attached: false })
      expect(await awaitBatch(id, { ...place, pollMs: 20 })).toMatchObject({
        rows: 70,
        failed: 0,
        output: null,
      })
    },
    LIMIT_MS,
  )

  it(
    'has metrics of the queue and of a worker',
    async () => {
      const place = { connection: server.url, queue: 'metrics' }
      const one = await worker({ ...place, name: 'one "quoted"' })
      expect(one.name).toBe('one--quoted-')
      const { id } = await enqueueBatch(PROMPTS.slice(0, 5), { ...place, model: 'demo-gen' })
      await awaitBatch(id, { ...place, pollMs: 20 })
      const text = await queueMetrics({ ...place, worker: one, labels: { site: 'here' } })
      expect(text).toContain('bullmq_job_count{queue="metrics", state="completed", site="here"} 1\n')
      expect(text).toContain('bullmq_job_completed_total{queue="metrics", site="here"} 1\n')
      expect(text).toContain('qwen3guard_queue_workers{site="here",queue="metrics"} 1\n')
      expect(text).toContain('qwen3guard_worker_rows_total{site="here",worker="one--quoted-"} 5\n')
      const heads = text.split('\n').filter((line) => line.startsWith('# TYPE'))
      expect(new Set(heads).size).toBe(heads.length)
    },
    LIMIT_MS,
  )

  it(
    'gives up rows that take too long, and goes on',
    async () => {
      const place = { connection: server.url, queue: 'late' }
      await worker(place)
      const linesOf = async (prompt: string, options: object) => {
        const { id } = await enqueueBatch([{ prompt }], { ...place, model: 'demo-gen', ...options })
        const { lines } = await awaitBatch(id, { ...place, pollMs: 20 })
        const all: unknown[] = []
        for await (const line of lines()) all.push(JSON.parse(line))
        return all
      }
      const late = await linesOf('How do I bake bread? '.repeat(100), { rowTimeoutMs: 1 })
      expect(late).toMatchObject([{ error: { code: 'ERR_ROW_TIMEOUT' } }])
      expect(await linesOf('How do I bake bread?', { rowTimeoutMs: 60_000 })).toMatchObject([
        { verdict: { safety: 'Safe' } },
      ])
    },
    LIMIT_MS,
  )

  it('says what is wrong with options', async () => {
    const connection = server.url
    const gen = { model: 'demo-gen' }
    await expect(createGuardWorker({ connection })).rejects.toThrow('Expected `gen` or `stream`')
    await expect(createGuardWorker({ connection, gen, concurrency: 0 })).rejects.toThrow(RangeError)
    await expect(enqueueBatch([], { connection: 'http://a:password@b', model: 'demo-gen' })).rejects.toThrow(
      /^(?!.*password).*redis:\/\/.*got http:/,
    )
    await expect(
      enqueueBatch(PROMPTS, { connection, model: 'demo-gen', chunkRow: 3 } as never),
    ).rejects.toThrow('`chunkRow`: did you mean `chunkRows`?')
    await expect(enqueueBatch([], { connection, model: 'demo-gen', rowTimeoutMs: 0 })).rejects.toThrow(
      'Expected `rowTimeoutMs` to be above 0',
    )
    await expect(awaitBatch('b123', { connection })).rejects.toMatchObject({ code: 'ERR_BATCH_LOST' })
    expect(await enqueueBatch([], { connection, model: 'demo-gen', queue: 'none' })).toMatchObject({
      rows: 0,
    })
  })

  it.each(['csv', 'parquet'] as const)(
    'has the bytes of a local run of %s, with a policy, errors and rewards',
    async (format) => {
      const rows = path.join(directory, `rows.${format}`)
      const lines = path.join(directory, `rows-of-${format}.jsonl`)
      const of = (id: number) => ({
        id,
        prompt: `How do I bake ${id}?`,
        response: id === 3 ? null : 'I bake it.',
        score: id / 10,
      })
      writeFileSync(lines, Array.from({ length: 50 }, (_, id) => `${JSON.stringify(of(id))}\n`).join(''))
      await writeTable(lines, rows, format, {
        spread: new Set(),
        gzip: false,
        signal: new AbortController().signal,
      })
      const running = new Running([
        'worker',
        '--redis',
        server.url,
        '--queue-name',
        `table-${format}`,
        '--threads',
        '1',
        '--metrics-port',
        '0',
      ])
      await running.until('stderr', 'waits for work')
      try {
        const queue = ['--queue', server.url, '--queue-name', `table-${format}`, '--chunk-rows', '16']
        for (const flags of [
          ['--mode', 'loose', ...FIELDS.slice(0, 1), `${FIELDS[1]},action`, '--id-column', 'id'],
          ['--reward', 'hybrid', '--helpfulness-column', 'score', '--fields', 'severity'],
        ]) {
          const outs = ['local', 'queue'].map((name) =>
            path.join(directory, `${name}-${flags[0]}-${format}.jsonl`),
          )
          const [local, far] = [
            await cli(['batch', rows, ...flags, '--out', outs[0] as string, '--errors', `${outs[0]}.errors`]),
            await cli([
              'batch',
              rows,
              ...flags,
              '--out',
              outs[1] as string,
              '--errors',
              `${outs[1]}.errors`,
              ...queue,
            ]),
          ]
          expect(far.code, far.stderr).toBe(local.code)
          for (const end of ['', '.errors']) {
            expect(readFileSync(`${outs[1]}${end}`, 'utf8')).toBe(readFileSync(`${outs[0]}${end}`, 'utf8'))
          }
        }
        const stdout = await cli(
          ['batch', '-', ...FIELDS, '--quiet', ...queue],
          '{"prompt":"How do I bake?"}\n',
        )
        expect(jsonLines(stdout.stdout)).toMatchObject([{ verdict: { safety: 'Safe' } }])
      } finally {
        running.child.kill('SIGTERM')
        expect((await running.finished).code).toBe(0)
      }
    },
    LIMIT_MS,
  )

  it('is wrong usage with flags that belong elsewhere', async () => {
    const rows = path.join(directory, 'usage.jsonl')
    writeFileSync(rows, '{"prompt":"a"}\n')
    const batch = ['batch', rows, '--quiet']
    for (const [flags, message] of [
      [['--folder', 'a'], '--folder is for --queue'],
      [
        ['--queue', server.url, '--shard', '1/2', '--out', path.join(directory, 'u.jsonl')],
        '--shard goes without --queue',
      ],
      [['--queue', server.url, '--threads', '2'], '--threads is a flag of the workers'],
    ] as const) {
      const { code, stderr } = await cli([...batch, ...flags])
      expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
    }
    const { code, stderr } = await cli(['worker'])
    expect([code, stderr]).toEqual([2, expect.stringContaining('--redis URL or --postgres URL')])
  })
})

describe('rows that travel', () => {
  it('are what they were, of every format', async () => {
    const text = path.join(directory, 'travel.jsonl')
    writeFileSync(text, '{"a":12345678901234567890,"b":" \\u00e9"}\nno json\n{"$qwen3guard":1}\n')
    const rows: Row[] = []
    for await (const row of await readRows([text])) rows.push(row)
    const record = {
      big: 12345678901234567890n,
      time: new Date(5),
      never: new Date(Number.NaN),
      bytes: new Uint8Array([1, 2]),
      list: [null, Number.NaN, 1.5, { $qwen3guard: 'integer', value: '3' }],
      $qwen3guard: 'a column of that name',
    }
    rows.push({ number: 4, source: 'a.parquet', format: 'parquet', record, text: null, defect: null })
    for (const row of rows) expect(rowOf(rowText(row))).toEqual(row)
  })
})

describe('a chunk that ends its workers', () => {
  it('is divided until the row is known, and goes on without it', () => {
    let parts = nextParts(256, undefined)
    let ends = 0
    const bad = 201
    for (;;) {
      const inWork = parts.ranges.findIndex(([from, to]) => from <= bad && bad < to)
      if (inWork === -1) break
      ends += 1
      parts = nextParts(256, { ...parts, inWork, ends: parts.inWork === inWork ? parts.ends : 0 })
    }
    expect(ends).toBe(6)
    expect(parts.givenUp).toEqual([bad])
    const rows = parts.ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, at) => from + at))
    expect(rows).toEqual(Array.from({ length: 256 }, (_, at) => at).filter((at) => at !== bad))
  })
})
