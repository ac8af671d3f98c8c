import { writeFile } from 'node:fs/promises'
import { InvalidArgumentError } from 'commander'
import { naming } from '../full-disk.js'

/** The `index`th of `count` parts of an input, from 1. */
export interface Shard {
  index: number
  count: number
}

export function parseShard(text: string): Shard {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text)?.map(Number) ?? []
  if (index === undefined || count === undefined || index < 1 || index > count) {
    throw new InvalidArgumentError(`Expected i/n with i from 1 to n, such as 1/8, got ${text}.`)
  }
  return { index, count }
}

/** Whether a row is the shard's: rows are dealt in turn, by their place in the whole input, from 0. */
export function isInShard(at: number, { index, count }: Shard): boolean {
  return at % count === index - 1
}

/** Rows of the shard where the input has so many. */
export function rowsOfShard(rows: number, { index, count }: Shard): number {
  return Math.max(0, Math.ceil((rows - (index - 1)) / count))
}

/** Where what is known of a shard lies beside its output. */
export function shardFile(out: string): string {
  return `${out}.shard.json`
}

/** What `merge` must know of a shard. */
export interface ShardNote {
  qwen3guardShard: 1
  shard: Shard
  /** Rows of the whole input, and of this shard. */
  inputRows: number
  rows: number
  /** What must be the same for all shards. */
  identity: unknown
}

/** @throws DiskSpaceError, or the disk's error */
export async function writeShardNote(out: string, note: ShardNote): Promise<void> {
  const file = shardFile(out)
  await naming(file, () => writeFile(file, `${JSON.stringify(note)}\n`))
}
