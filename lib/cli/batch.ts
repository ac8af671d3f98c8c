import { createReadStream, createWriteStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { addAbortSignal, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Command } from 'commander'
import { inOrder } from '../in-order.js'
import type { Safety } from '../index.js'
import { atomicFile } from '../models/atomic-file.js'
import { parseRow } from './conversation.js'
import { addFailOn, EXIT, type FailOn, failsOn, type Run, worstOf } from './exit.js'
import { type Line, readLines } from './json-lines.js'
import { type CheckResult, judge, type LoadedGuard, loadGuard, severityOf } from './judge.js'
import { addLoadOptions, type LoadFlags } from './load-options.js'
import { startProgress } from './progress.js'
import { isBlank, parseLine, type RowError, rowError } from './row-error.js'
import { requireJsonLines, requireJsonLinesFile } from './row-format.js'
import { membersOf } from './row-text.js'
import { addTooLong, type Fit } from './too-long.js'

interface BatchFlags extends LoadFlags, Fit {
  out?: string
  json?: boolean
  failOn?: FailOn
}

/** One output row. `severity` is null where there is no verdict. */
interface Outcome {
  line: Line
  json: string
  severity: Safety | null
}

const HELP = `
A row has "prompt" and maybe "response", or "messages". Each output row is the input row plus "verdict" (what
check --json prints) or "error" (code, message, line). IN may be "-" for stdin.

Example:
  $ qwen3guard batch rows.jsonl --out judged.jsonl --fail-on unsafe`

export function addBatch(program: Command, run: Run): void {
  const { signal } = run
  const command = program
    .command('batch')
    .description('judge every row of a JSONL file')
    .argument('<in>', 'JSONL file')
    .option('--out <file>', 'write here instead of to stdout; the file appears when it is complete')
    .option('--json', 'print JSONL (as without it)')
    .addHelpText('after', HELP)
    .action(async (path: string, flags: BatchFlags) => {
      const size = path === '-' ? null : (await stat(path)).size
      if (size !== null) await requireJsonLinesFile(path)
      const loaded = await loadGuard(command, flags, signal)
      const source = addAbortSignal(signal, path === '-' ? process.stdin : createReadStream(path))
      const batch = new Batch(loaded, flags, signal)
      const progress = startProgress('judging', size)
      try {
        await writeRows(batch.run(requireJsonLines(source, path), progress.update), flags.out, signal)
      } finally {
        progress.stop()
        source.destroy()
        await loaded.guard.close()
      }
      process.stderr.write(`${batch.summary()}\n`)
      // As for check: an empty pipe is far more often a mistake upstream than a job that is done.
      if (path === '-' && batch.rows === 0) command.error('error: nothing to judge: stdin has no rows')
      if (batch.failed > 0) run.exitCode = EXIT.error
      else if (batch.worst !== null && failsOn(flags.failOn, batch.worst)) run.exitCode = EXIT.failOn
    })
  addFailOn(command)
  addTooLong(command)
  addLoadOptions(command, 'demo-gen')
}

class Batch {
  failed = 0
  /** The worst severity met so far. */
  worst: Safety | null = null
  rows = 0
  #blank = 0
  readonly #judged: Record<Safety, number> = { Safe: 0, Controversial: 0, Unsafe: 0 }
  readonly #loaded: LoadedGuard
  readonly #fit: Fit
  readonly #signal: AbortSignal

  constructor(loaded: LoadedGuard, fit: Fit, signal: AbortSignal) {
    this.#loaded = loaded
    this.#fit = fit
    this.#signal = signal
  }

  /** The output rows in input order, each with its line break. */
  async *run(
    source: AsyncIterable<Buffer>,
    update: (offset: number, note: string) => void,
  ): AsyncGenerator<string> {
    const { maxSequences, openSequences } = this.#loaded.guard.stats()
    // Twice the free sequences: some rows wait in the guard's queue while a slow one holds up the order.
    const width = 2 * Math.max(1, maxSequences - openSequences)
    const judged = inOrder(
      this.#lines(source),
      (line, signal) => this.#judge(line, signal),
      width,
      this.#signal,
    )
    for await (const { line, json, severity } of judged) {
      this.rows += 1
      if (severity === null) {
        this.failed += 1
      } else {
        this.#judged[severity] += 1
        this.worst = this.worst === null ? severity : worstOf(this.worst, severity)
      }
      update(line.offset, `${this.rows} rows, ${this.failed} failed`)
      yield `${json}\n`
    }
  }

  summary(): string {
    const { Safe, Controversial, Unsafe } = this.#judged
    const severities = `${Safe} Safe, ${Controversial} Controversial, ${Unsafe} Unsafe`
    return `rows: ${this.rows} (${severities}, ${this.failed} failed); blank lines skipped: ${this.#blank}`
  }

  async *#lines(source: AsyncIterable<Buffer>): AsyncGenerator<Line> {
    for await (const line of readLines(source)) {
      if (isBlank(line)) this.#blank += 1
      else yield line
    }
  }

  async #judge(line: Line, signal: AbortSignal): Promise<Outcome> {
    const { text } = line.content
    let row: Record<string, unknown> | null = null
    try {
      row = parseLine(line)
      const verdict = await judge(this.#loaded, parseRow(row), this.#fit, signal)
      return { line, json: withField(text, row, { verdict }), severity: severityOf(verdict) }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      return { line, json: withField(text, row, { error: rowError(error, line.number) }), severity: null }
    }
  }
}

/**
 * The row with `field` added. The row's own text is kept where it can be, because parsing and printing
 * it again would change its large numbers.
 */
function withField(
  text: string | null,
  row: Record<string, unknown> | null,
  field: { verdict: CheckResult } | { error: RowError },
): string {
  if (row === null) return JSON.stringify({ row: text, ...field })
  if (text === null) return JSON.stringify({ ...row, ...field })
  if (Object.hasOwn(row, 'verdict') || Object.hasOwn(row, 'error')) {
    const kept = [...membersOf(text)].filter(({ name }) => name !== 'verdict' && name !== 'error')
    return `{${kept.map((member) => `${member.text},`).join('')}${JSON.stringify(field).slice(1)}`
  }
  const head = text.trimEnd().slice(0, -1)
  const comma = Object.keys(row).length === 0 ? '' : ','
  return `${head}${comma}${JSON.stringify(field).slice(1)}`
}

/** To stdout, or to `out`, which appears when all rows are written. */
async function writeRows(
  rows: AsyncIterable<string>,
  out: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const readable = Readable.from(rows)
  if (out === undefined) return await pipeline(readable, process.stdout, { signal, end: false })

  const target = await realpath(out).catch(() => out)
  const existing = await stat(target).catch(() => null)
  // A device or a pipe is written to, never replaced.
  if (existing !== null && !existing.isFile()) {
    return await pipeline(readable, createWriteStream(target), { signal })
  }
  // Through its path: a stream over the handle that may not close it never ends its pipeline.
  await atomicFile(target, (_handle, path) => pipeline(readable, createWriteStream(path), { signal }))
}
