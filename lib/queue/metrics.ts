import { closeAll, openBullMQ, type QueueOptions, queueNames } from './bullmq.js'
import type { GuardWorker } from './worker.js'

/**
 * Metrics of a queue and its companions in Prometheus' text format: BullMQ's own (`bullmq_job_count` and others, by queue and
 * state), workers that are connected, and what `worker` of this process has done.
 *
 * @throws QueueError ERR_QUEUE_PACKAGE; the server's error
 */
export async function queueMetrics(
  options: QueueOptions & { worker?: GuardWorker; labels?: Record<string, string> },
): Promise<string> {
  const { worker, labels = {} } = options
  const bullmq = await openBullMQ(options)
  const queues = Object.values(queueNames(options.queue)).map((name) => ({ name, queue: bullmq.queue(name) }))
  for (const { queue } of queues) queue.on('error', () => {})
  try {
    const exported = await Promise.all(
      queues.map(async ({ queue }) => await queue.exportPrometheusMetrics(labels)),
    )
    const connected = await Promise.all(
      queues.map(
        async ({ name, queue }) =>
          `qwen3guard_queue_workers${shown({ ...labels, queue: name })} ${await queue.getWorkersCount()}`,
      ),
    )
    const lines = [
      ...merged(exported.flatMap((text) => text.split('\n'))),
      '# HELP qwen3guard_queue_workers Workers connected to the queue',
      '# TYPE qwen3guard_queue_workers gauge',
      ...connected,
      ...(worker ? ofWorker(worker, labels) : []),
    ]
    return `${lines.join('\n')}\n`
  } finally {
    await closeAll(queues.map(({ queue }) => queue))
  }
}

/** Families of several expositions, each with one head. */
function merged(lines: readonly string[]): string[] {
  const families = new Map<string, { head: Set<string>; samples: string[] }>()
  for (const line of lines.filter((line) => line !== '')) {
    const name = /^(?:# (?:HELP|TYPE) )?([A-Za-z_:][\w:]*)/.exec(line)?.[1] ?? ''
    const family = families.get(name) ?? { head: new Set(), samples: [] }
    families.set(name, family)
    if (line.startsWith('#')) family.head.add(line)
    else family.samples.push(line)
  }
  return [...families.values()].flatMap(({ head, samples }) => [...head, ...samples])
}

const COUNTERS = {
  chunks: 'Chunks of batches that were judged',
  rows: 'Rows in these chunks',
  failed: 'Rows that got an error in place of a verdict',
  givenBack: 'Chunks that were left to other workers',
  checks: 'Single checks that were judged',
} as const

function ofWorker(worker: GuardWorker, labels: Record<string, string>): string[] {
  const stats = worker.stats()
  return Object.entries(COUNTERS).flatMap(([key, help]) => {
    const name = `qwen3guard_worker_${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total`
    const sample = `${name}${shown({ ...labels, worker: worker.name })} ${stats[key as keyof typeof COUNTERS]}`
    return [`# HELP ${name} ${help}`, `# TYPE ${name} counter`, sample]
  })
}

function shown(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return `{${pairs.join(',')}}`
}
