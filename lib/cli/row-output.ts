import { createReadStream, createWriteStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { ADDED } from '../batch/output-row.js'
import { formatOfName } from '../data/format.js'
import { InputError } from '../data/input-error.js'
import type { RowFormat } from '../data/row.js'
import { writeTable } from '../data/write-table.js'
import { atomicFile } from '../models/atomic-file.js'

export type OutputFormat = 'jsonl' | 'csv' | 'tsv' | 'parquet'
export const OUTPUT_FORMATS: readonly OutputFormat[] = ['jsonl', 'csv', 'tsv', 'parquet']

/** Where rows go, and how. */
export interface Output {
  /** The file that a link leads to. */
  path: string
  format: OutputFormat
  gzip: boolean
  /** A device or a pipe, which is written to and never replaced. */
  isStream: boolean
}

/** @throws InputError for a name or format that cannot be written */
export async function outputOf(out: string, format: OutputFormat | undefined): Promise<Output> {
  const path = await realpath(out).catch(() => out)
  const existing = await stat(path).catch(() => null)
  const isStream = existing !== null && !existing.isFile()
  if (existing?.isDirectory()) throw new InputError(`--out ${out} is a directory: name a file in it`)
  const named: RowFormat | null = formatOfName(out)
  const decided = format ?? (named === 'json' || named === null ? 'jsonl' : named)
  const gzip = /\.(?:gz|gzip)$/i.test(out)
  if (/\.(?:zst|zstd)$/i.test(out)) {
    throw new InputError(`--out ${out}: Zstandard is read and not written: use .gz, or pack it afterwards`)
  }
  if (gzip && decided === 'parquet') {
    throw new InputError(`--out ${out}: Parquet is packed within: leave .gz off its name`)
  }
  if (isStream && decided !== 'jsonl') {
    throw new InputError(`--out ${out} is a device or a pipe, which takes JSONL only, not ${decided}`)
  }
  return { path, format: decided, gzip: gzip && !isStream, isStream }
}

/** Whether the rows' lines as they are make the output. */
export function isPlain({ format, gzip }: Output): boolean {
  return format === 'jsonl' && !gzip
}

/** Makes the output of lines that lie in a file, whole or not at all. @throws the disk's error */
export async function writeOutput(lines: string, output: Output, signal: AbortSignal): Promise<void> {
  const { path, format, gzip } = output
  await atomicFile(path, async (_handle, temporary) => {
    if (format !== 'jsonl') return await writeTable(lines, temporary, format, { spread: ADDED, gzip, signal })
    const target = createWriteStream(temporary)
    if (gzip) await pipeline(createReadStream(lines), createGzip(), target, { signal })
    else await pipeline(createReadStream(lines), target, { signal })
  })
}
