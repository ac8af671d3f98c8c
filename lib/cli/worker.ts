import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type Command, InvalidArgumentError } from 'commander'
import { describeGguf } from '../models/gguf/describe.js'
import { readModelHeader } from '../models/gguf/split.js'
import { resolveModel } from '../models/resolve.js'
import type { QueueOptions } from '../queue/bullmq.js'
import { queueMetrics } from '../queue/metrics.js'
import { createGuardWorker, type GuardWorker } from '../queue/worker.js'
import type { Run } from './exit.js'
import { addLoadOptions, type LoadFlags, readLoadOptions, withLoadProgress } from './load-options.js'
import { addQueuePlace, count, type QueueFlags, queueOptions } from './queue-flags.js'
import { say } from './say.js'

interface WorkerFlags extends LoadFlags, QueueFlags {
  redis?: string
  postgres?: string
  concurrency?: number
  name?: string
  grace: number
  lock?: number
  metricsPort?: number
  quiet?: boolean
}

const HELP = `
Judges what \`qwen3guard batch --queue URL\` and createGuardClient() put into the queue, until SIGTERM or Ctrl-C: then it
finishes what it has in work, or gives it back. Start one on each machine, with the model that the batches name.

Examples:
  $ qwen3guard worker --redis redis://queue:6379 --model qwen3guard-gen-0.6b
  $ qwen3guard worker --postgres postgres://guard@db/guard --model guard.gguf --folder /mnt/batches`

export function addWorker(program: Command, { signal }: Run): void {
  const command = program
    .command('worker')
    .description('judge batches and checks from a queue')
    .option('--redis <url>', 'the queue, in Redis or Valkey')
    .option('--postgres <url>', 'the queue, in PostgreSQL')
    .option('--concurrency <n>', 'jobs in work at a time (default: 2)', count)
    .option('--name <name>', 'what it is called in results and logs (default: machine and process)')
    .option('--grace <seconds>', 'what is in work may take at the end, before it is given back', seconds, 20)
    .option(
      '--lock <seconds>',
      'after which others take the jobs of a worker that is gone (default: 30)',
      seconds,
    )
    .option('--metrics-port <n>', 'answer GET /metrics and /healthz there', port)
    .option('--quiet', 'no lines on stderr about what goes on')
    .addHelpText('after', HELP)
    .action(async (flags: WorkerFlags) => await work(command, flags, signal))
  addQueuePlace(command)
  addLoadOptions(command, 'demo-gen')
}

function seconds(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 86_400)) {
    throw new InvalidArgumentError('Expected a number of seconds, at most 86400.')
  }
  return value
}

function port(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > 65_535) throw new InvalidArgumentError('Expected a port.')
  return value
}

async function work(command: Command, flags: WorkerFlags, signal: AbortSignal): Promise<void> {
  const url = flags.redis ?? flags.postgres
  if (url === undefined || (flags.redis !== undefined && flags.postgres !== undefined)) {
    return command.error('error: expected --redis URL or --postgres URL: one of both')
  }
  const options = await readLoadOptions(command, flags, signal, 'demo-gen')
  const header = await readModelHeader(resolveModel(options.model, 'gen'), { signal })
  const kind = describeGguf(header).variant === 'stream' ? 'stream' : 'gen'
  const tell = (text: string) => {
    if (!flags.quiet) say(text)
  }
  const queue = queueOptions(url, flags)
  const worker = await withLoadProgress(options, async (loading) => {
    return await createGuardWorker({
      ...queue,
      [kind]: loading,
      ...(flags.concurrency !== undefined && { concurrency: flags.concurrency }),
      ...(flags.name !== undefined && { name: flags.name }),
      ...(flags.lock !== undefined && { lockMs: 1000 * flags.lock }),
      onNote: (text) => tell(`note: ${text}`),
    })
  })
  let server: Server | undefined
  try {
    if (flags.metricsPort !== undefined) server = await serveMetrics(flags.metricsPort, queue, worker)
    await worker.ready()
    tell(`${worker.name} waits for work in ${flags.queueName ?? 'qwen3guard'}`)
    if (!signal.aborted) await once(signal, 'abort')
  } finally {
    await worker.close({ graceMs: 1000 * flags.grace })
    server?.close()
    const { chunks, rows, failed, givenBack, checks } = worker.stats()
    tell(
      `${rows} rows in ${chunks} jobs, ${failed} failed; ${checks} checks; ${givenBack} jobs left to others`,
    )
  }
}

async function serveMetrics(port: number, queue: QueueOptions, worker: GuardWorker): Promise<Server> {
  const server = createServer(async (request, response) => {
    const path = request.url?.split('?')[0]
    if (path !== '/metrics' && path !== '/healthz') return void response.writeHead(404).end()
    try {
      const text = path === '/metrics' ? await queueMetrics({ ...queue, worker }) : 'ok\n'
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      response.writeHead(503, { 'content-type': 'text/plain' }).end(`${message}\n`)
    }
  })
  server.listen(port)
  await once(server, 'listening')
  return server
}
