import { type Command, InvalidArgumentError } from 'commander'
import type { QueueOptions } from '../queue/bullmq.js'
import type { StoreOptions } from '../queue/worker-options.js'

/** What the flags of a queue say. */
export interface QueueFlags {
  queue?: string
  queueName?: string
  folder?: string
  chunkRows?: number
  priority?: number
}

/** Flags of `batch` that give its rows to workers. */
export function addQueueFlags(command: Command): Command {
  command
    .option('--queue <url>', 'let workers judge, through redis://… or postgres://… (`qwen3guard worker`)')
    .option('--chunk-rows <n>', 'with --queue: rows of a job (default: 256)', count)
    .option('--priority <n>', 'with --queue: 1 goes first (default: 1000)', count)
  return addQueuePlace(command)
}

/** Flags that submitters and workers have alike. */
export function addQueuePlace(command: Command): Command {
  return command
    .option('--queue-name <name>', "the queue's name (default: qwen3guard)")
    .option('--folder <dir>', 'a folder that all machines share, for rows and results (default: the queue)')
}

/** A whole number from 1 on. */
export function count(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError('Expected a whole number from 1 on.')
  return Number(text)
}

/** Where the queue is, for the library. */
export function queueOptions(
  url: string,
  { queueName, folder }: QueueFlags,
): QueueOptions & Pick<StoreOptions, 'folder'> {
  return {
    connection: url,
    ...(queueName !== undefined && { queue: queueName }),
    ...(folder !== undefined && { folder }),
  }
}

const OF_QUEUE = {
  queueName: '--queue-name',
  folder: '--folder',
  chunkRows: '--chunk-rows',
  priority: '--priority',
}
const OF_WORKERS = {
  threads: '--threads',
  maxSequences: '--max-sequences',
  gpu: '--gpu',
  device: '--device',
  gpuLayers: '--gpu-layers',
}

/** Wrong usage of the flags, or null. */
export function queueMistake(
  flags: QueueFlags & { shard?: object } & { [Name in keyof typeof OF_WORKERS]?: unknown },
) {
  if (flags.queue === undefined) {
    const without = given(flags, OF_QUEUE)
    return without === undefined ? null : `${without} is for --queue`
  }
  if (flags.shard !== undefined) return '--shard goes without --queue, which deals the rows itself'
  const ofWorkers = given(flags, OF_WORKERS)
  return ofWorkers === undefined ? null : `with --queue, ${ofWorkers} is a flag of the workers`
}

function given(flags: object, names: Readonly<Record<string, string>>): string | undefined {
  const values = flags as Readonly<Record<string, unknown>>
  const found = Object.keys(names).find((name) => values[name] !== undefined)
  return found && names[found]
}
