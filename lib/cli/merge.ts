import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { type Command, Option } from 'commander'
import { differences } from '../batch/run-identity.js'
import { InputError } from '../data/input-error.js'
import { readRows } from '../data/read-rows.js'
import { isObject } from '../data/row.js'
import { inOneLine, jsonOf } from '../data/row-json.js'
import { removeTree } from '../held-files.js'
import { atomicFile } from '../models/atomic-file.js'
import type { Run } from './exit.js'
import { nestedRow } from './nested-row.js'
import { isPlain, OUTPUT_FORMATS, type OutputFormat, outputOf, writeOutput } from './row-output.js'
import { rowsOfShard, type ShardNote, shardFile } from './shard.js'

const HELP = `
SHARD is an output of batch --shard, with the file SHARD.shard.json that it wrote beside.

Example:
  $ qwen3guard merge judged.jsonl part-1.jsonl part-2.jsonl part-3.jsonl`

export function addMerge(program: Command, { signal }: Run): void {
  program
    .command('merge')
    .description('put the outputs of batch --shard together: every row once, in order')
    .argument('<out>', 'file to write')
    .argument('<shard...>', 'outputs of all shards')
    .addOption(
      new Option('--out-format <format>', "format of OUT (default: its name's, else JSONL)").choices(
        OUTPUT_FORMATS,
      ),
    )
    .addHelpText('after', HELP)
    .action(async (out: string, paths: string[], flags: { outFormat?: OutputFormat }) => {
      const shards = await inOrderOfShards(paths)
      const output = await outputOf(out, flags.outFormat)
      if (output.isStream) throw new InputError(`${out} is a device or a pipe, and merge writes a file`)
      let rows = 0
      if (isPlain(output)) {
        await atomicFile(output.path, async (_handle, path) => {
          rows = await writeLines(shards, path, signal)
        })
      } else {
        const directory = await mkdtemp(join(tmpdir(), 'qwen3guard-merge-'))
        try {
          const lines = join(directory, 'rows.jsonl')
          rows = await writeLines(shards, lines, signal)
          await writeOutput(lines, output, signal)
        } finally {
          await removeTree(directory)
        }
      }
      process.stderr.write(`${rows} rows of ${shards.length} shards\n`)
    })
}

interface ShardFile {
  path: string
  rows: number
  /** Whether rewards were written. */
  rewarded: boolean
}

/** The shards by their number. @throws InputError unless there is each of one run, once */
async function inOrderOfShards(paths: readonly string[]): Promise<ShardFile[]> {
  const notes = await Promise.all(paths.map(async (path) => ({ path, note: await readNote(path) })))
  const [first] = notes as [(typeof notes)[number]]
  const { count } = first.note.shard
  const found = new Map<number, ShardFile>()
  for (const { path, note } of notes) {
    const { index } = note.shard
    const different = differences(
      { shards: count, inputRows: first.note.inputRows, ...(first.note.identity as object) },
      { shards: note.shard.count, inputRows: note.inputRows, ...(note.identity as object) },
    )
    if (different.length > 0) {
      throw new InputError(`${first.path} and ${path} are of different runs: ${different.join('; ')}`)
    }
    const twice = found.get(index)
    if (twice)
      throw new InputError(`${twice.path} and ${path} are both shard ${index} of ${count}: give each once`)
    const expected = rowsOfShard(note.inputRows, note.shard)
    if (note.rows !== expected) {
      throw new InputError(`${path} has ${note.rows} of the ${expected} rows of its shard: judge it again`)
    }
    found.set(index, { path, rows: note.rows, rewarded: isRewarded(note) })
  }
  const indices = Array.from({ length: count }, (_, at) => at + 1)
  const missing = indices.filter((index) => !found.has(index))
  if (missing.length > 0) {
    throw new InputError(
      `of ${count} shards these are missing: ${missing.join(', ')}. Give the outputs of all`,
    )
  }
  return indices.map((index) => found.get(index) as ShardFile)
}

function isRewarded({ identity }: ShardNote): boolean {
  const options = isObject(identity) ? identity.options : null
  return isObject(options) && typeof options.reward === 'string'
}

async function readNote(path: string): Promise<ShardNote> {
  const file = shardFile(path)
  let note: unknown
  try {
    note = JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new InputError(
      `${file} is missing or broken: batch --shard writes it beside its output, and it says which rows those are`,
      { cause },
    )
  }
  if (!isObject(note) || note.qwen3guardShard !== 1) {
    throw new InputError(`${file} is no note of a shard that this version knows`)
  }
  return note as unknown as ShardNote
}

/** Deals the rows back. @throws InputError if a shard has another number of rows than it says */
async function writeLines(shards: readonly ShardFile[], path: string, signal: AbortSignal): Promise<number> {
  const out = createWriteStream(path)
  out.on('error', () => {})
  const sources = await Promise.all(shards.map(async (shard) => linesOf(shard, signal)))
  try {
    for (let rows = 0; ; rows++) {
      signal.throwIfAborted()
      const next = await (sources[rows % sources.length] as AsyncGenerator<string>).next()
      if (next.done) {
        // All that follow are at their end as well: each has the rows that it says, and those fit together.
        for (const source of sources) await source.next()
        out.end()
        await finished(out)
        return rows
      }
      if (out.errored) throw out.errored
      if (!out.write(`${next.value}\n`)) await once(out, 'drain')
    }
  } finally {
    for (const source of sources) await source.return(undefined)
    out.destroy()
  }
}

async function* linesOf({ path, rows, rewarded }: ShardFile, signal: AbortSignal): AsyncGenerator<string> {
  let count = 0
  for await (const { record, text, defect, format } of rows > 0 ? await readRows([path], { signal }) : []) {
    if (defect !== null) throw new InputError(`${path} has a row that is none, ${count + 1}: ${defect}`)
    count += 1
    // A table spreads what was added to a row over columns.
    yield text === null ? jsonOf(nestedRow(record, format, rewarded)) : inOneLine(text)
  }
  if (count !== rows) {
    throw new InputError(
      `${path} has ${count} rows, and its note says ${rows}: it is not whole, or was changed`,
    )
  }
}
