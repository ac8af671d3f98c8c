import { readFile } from 'node:fs/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type RowHandling, RowJudge } from '../batch/row-judge.js'
import { type RewardFlags, requireGen } from '../batch/row-reward.js'
import { identityOf, type RunIdentity } from '../batch/run-identity.js'
import type { VerdictField } from '../batch/verdict-fields.js'
import { RowColumns } from '../data/columns.js'
import { InputError } from '../data/input-error.js'
import { readLines } from '../data/lines.js'
import { NamedColumns } from '../data/named-columns.js'
import { type RowReader, readRows } from '../data/read-rows.js'
import type { Policy } from '../index.js'
import { atomicFile } from '../models/atomic-file.js'
import { resolveModel } from '../models/resolve.js'
import { checkPolicy } from '../policy.js'
import type { RowTask } from '../queue/chunk.js'
import { judgeInQueue } from './batch-queue.js'
import { BatchRows } from './batch-rows.js'
import { addFailOn, EXIT, type FailOn, failsOn, type Run } from './exit.js'
import { parseFields } from './fields-flag.js'
import { Journal } from './journal.js'
import { type LoadedGuard, loadGuard } from './judge.js'
import { addLoadOptions, type LoadFlags, readLoadOptions } from './load-options.js'
import { checkOutputPaths } from './output-paths.js'
import { readPolicy } from './policy-file.js'
import { addQueueFlags, type QueueFlags, queueMistake } from './queue-flags.js'
import { addRewardFlags, rewardMistake } from './reward-flags.js'
import { addRowFlags, columnsOf, note, type RowFlags } from './row-flags.js'
import {
  isPlain,
  OUTPUT_FORMATS,
  type Output,
  type OutputFormat,
  outputOf,
  writeOutput,
} from './row-output.js'
import { RowProgress } from './row-progress.js'
import { FileSink, type RowSink, stdoutSink } from './row-sink.js'
import { say } from './say.js'
import { parseShard, type Shard, type ShardNote, writeShardNote } from './shard.js'
import { Tally } from './tally.js'
import { addTooLong, type Fit } from './too-long.js'

interface BatchFlags extends LoadFlags, Fit, RowFlags, RewardFlags, QueueFlags {
  out?: string
  outFormat?: OutputFormat
  errors?: string
  fields?: VerdictField[]
  resume?: boolean
  shard?: Shard
  policy?: string
  mode?: 'strict' | 'loose'
  threshold?: number
  quiet?: boolean
  rowTimeout?: number
  allowEmpty?: boolean
  json?: boolean
  failOn?: FailOn
}

const HELP = `
A row has "prompt" and maybe "response", or "messages". Each output row is the input row plus "verdict" (what
check --json prints) or "error" (code, message, line). IN is JSONL, JSON, CSV, TSV or Parquet, packed by gzip or
Zstandard or not; a pattern, or "-" for stdin.

Examples:
  $ qwen3guard batch rows.jsonl --out judged.jsonl --fail-on unsafe
  $ qwen3guard batch 'logs/*.csv.gz' --prompt-column question --out judged.parquet --resume
  $ qwen3guard batch rows.jsonl --out part-3.jsonl --shard 3/8 --fields severity,scores`

export function addBatch(program: Command, run: Run): void {
  const command = program
    .command('batch')
    .description('judge every row of files')
    .argument('<in...>', 'files of rows')
    .option('--out <file>', 'write here instead of to stdout; the file appears when it is complete')
    .addOption(
      new Option('--out-format <format>', "format of --out (default: its name's, else JSONL)").choices(
        OUTPUT_FORMATS,
      ),
    )
    .option('--errors <file>', 'write the rows that failed there as well, as JSONL')
    .option(
      '--fields <list>',
      'what to write of a verdict: severity,categories,scores,… (default: all)',
      parseFields,
    )
    .option('--resume', 'go on with a run that was stopped, if there is one')
    .option('--shard <i/n>', 'judge the i-th of n parts of the rows only', parseShard)
    .option('--policy <file>', 'write the action of this policy (JSON) with each verdict')
    .addOption(new Option('--mode <mode>', "the policy's mode").choices(['strict', 'loose']))
    .option('--threshold <p>', "the policy's threshold", probability)
    .option(
      '--row-timeout <seconds>',
      'what a row may take, waiting included, before it is an error row',
      rowSeconds,
    )
    .option('--quiet', 'no progress and no table on stderr; what was guessed is still said')
    .option('--allow-empty', 'an input without rows is no error')
    .option('--json', 'print JSONL (as without it)')
    .addHelpText('after', HELP)
    .action(async (names: string[], flags: BatchFlags) => await batch(command, names, flags, run))
  addRowFlags(command)
  addRewardFlags(command)
  addQueueFlags(command)
  addFailOn(command)
  addTooLong(command)
  addLoadOptions(command, 'demo-gen')
}

function rowSeconds(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value > 0 && value <= 86_400)) {
    throw new InvalidArgumentError('Expected a number of seconds above 0, at most 86400.')
  }
  return value
}

function probability(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value > 0 && value <= 1)) {
    throw new InvalidArgumentError('Expected a number above 0 and at most 1.')
  }
  return value
}

async function batch(command: Command, names: string[], flags: BatchFlags, run: Run): Promise<void> {
  const { signal } = run
  const policy = await policyOf(flags, signal)
  const readOptions = { ...(flags.format && { format: flags.format }), signal }
  const reader = await readRows(names, { ...readOptions, onNote: note })
  const output =
    flags.out === undefined || flags.out === '-' ? null : await outputOf(flags.out, flags.outFormat)
  const isRepeatable = reader.sources.every(({ size }) => size !== null)
  checkUsage(command, flags, output, isRepeatable)
  await checkOutputPaths(command, flags, reader.sources)
  const { helpfulnessColumn: helpfulness } = flags
  const named = new NamedColumns({ ...columnsOf(flags), ...(helpfulness !== undefined && { helpfulness }) })
  await named.checkTables(reader.sources, readOptions)
  const tally = new Tally()
  const identity =
    output && !output.isStream ? await identityOfRun(reader, output, flags, policy, signal) : undefined
  const journal =
    output && identity
      ? await Journal.open(
          output.path,
          identity,
          flags.resume ?? false,
          (row) => tally.add(row),
          reader.sources.map(({ name }) => name),
        )
      : null
  const earlier = journal?.rows ?? 0
  if (earlier > 0 && !flags.quiet) note(`${earlier} rows are there already`)
  let written = false
  let isWorthKeeping = isRepeatable
  let inputRows: number
  try {
    const sinkOf = (): RowSink => journal ?? (output ? new FileSink(output.path, signal) : stdoutSink(signal))
    // Those of a journal are found in it, from all its runs.
    const failuresOf = () =>
      flags.errors !== undefined && !journal ? new FileSink(flags.errors, signal) : null
    if (flags.queue === undefined) {
      inputRows = await judgeHere(
        command,
        flags,
        { reader, tally, named, policy, earlier, sinkOf, failuresOf },
        signal,
      )
    } else {
      const task = rowTask(flags, policy, reader.sources.length > 1)
      const read = async () => await readRows(names, readOptions)
      const loading = await readLoadOptions(command, flags, signal, 'demo-gen')
      const queueRun = { flags, task, read, isRepeatable, named, tally, earlier, sinkOf, failuresOf, loading }
      inputRows = await judgeInQueue(queueRun, signal)
    }
    try {
      named.requireSeen()
    } catch (error) {
      // All of it was judged without what the flag meant.
      isWorthKeeping = false
      throw error
    }
    if (inputRows === 0 && !flags.allowEmpty) refuseEmpty(command, names, flags)
    if (journal && output) await finish(journal, output, identity as RunIdentity, inputRows, flags, signal)
    written = true
  } finally {
    if (journal && !written) {
      const kept = await journal.leave(isWorthKeeping)
      if (kept > 0) say(`${kept} rows are kept in ${journal.path}: --resume goes on with them`)
    }
  }
  if (tally.failed > 0) run.exitCode = EXIT.error
  else if (tally.worst !== null && failsOn(flags.failOn, tally.worst)) run.exitCode = EXIT.failOn
}

/** What both ways of judging are given. */
interface Judging {
  reader: RowReader
  tally: Tally
  named: NamedColumns
  policy: Policy | undefined
  /** Rows that are written already. */
  earlier: number
  sinkOf(): RowSink
  failuresOf(): FileSink | null
}

/** Judges the rows in this process. @returns rows of the input */
async function judgeHere(
  command: Command,
  flags: BatchFlags,
  { reader, tally, named, policy, earlier, sinkOf, failuresOf }: Judging,
  signal: AbortSignal,
): Promise<number> {
  const loaded = await loadGuard(command, flags, signal)
  if (flags.reward !== undefined) {
    // Before an output is opened, and so emptied.
    if (loaded.kind !== 'gen') await loaded.guard.close()
    requireGen(loaded)
  }
  const started = Date.now()
  const sink = sinkOf()
  const failures = failuresOf()
  try {
    const rows = batchRows(loaded, reader, tally, named, policy, earlier, flags, signal)
    await judgeAll(rows, reader, tally, { sink, failures }, flags.quiet ?? false)
    if (!flags.quiet) {
      const { tokensDecoded } = loaded.guard.stats()
      const ms = Date.now() - started
      const table = tally.table({ judged: tally.rows - earlier, ms, tokens: tokensDecoded })
      say(tally.summary(reader.blankLines), ...table)
    }
    return rows.inputRows
  } finally {
    failures?.destroy()
    await loaded.guard.close()
  }
}

/** As for check: an empty pipe is far more often a mistake upstream than a job that is done. */
function refuseEmpty(command: Command, names: readonly string[], { failOn }: BatchFlags): void {
  if (names.includes('-')) {
    command.error('error: nothing to judge: stdin has no rows (--allow-empty permits it)')
  }
  if (failOn !== undefined) {
    throw new InputError(
      `nothing was judged: ${names.join(', ')} has no rows, and --fail-on says nothing of none (--allow-empty permits it)`,
    )
  }
}

function batchRows(
  loaded: LoadedGuard,
  reader: RowReader,
  tally: Tally,
  named: NamedColumns,
  policy: Policy | undefined,
  skip: number,
  flags: BatchFlags,
  signal: AbortSignal,
): BatchRows {
  const columns = new RowColumns(columnsOf(flags), { unsupportedParts: flags.unsupportedParts, onNote: note })
  const judge = new RowJudge(loaded, columns, rowOptions(flags, policy, reader.sources.length > 1))
  return new BatchRows(judge, tally, { named, shard: flags.shard, skip }, signal)
}

function rewardsOf({ reward, helpfulnessColumn }: BatchFlags): RewardFlags | undefined {
  if (reward === undefined) return undefined
  return { reward, ...(helpfulnessColumn !== undefined && { helpfulnessColumn }) }
}

function rowTask(flags: BatchFlags, policy: Policy | undefined, manySources: boolean): RowTask {
  return {
    ...rowOptions(flags, policy, manySources),
    columns: columnsOf(flags),
    unsupportedParts: flags.unsupportedParts,
    model: flags.model ?? 'demo-gen',
  }
}

function rowOptions(flags: BatchFlags, policy: Policy | undefined, manySources: boolean): RowHandling {
  const { tooLong, history, fields } = flags
  return {
    fit: { tooLong, history },
    ...{ fields, policy, manySources },
    rewards: rewardsOf(flags),
    ...(flags.rowTimeout !== undefined && { rowTimeoutMs: 1000 * flags.rowTimeout }),
    nameRows: flags.idColumn !== undefined,
  }
}

async function judgeAll(
  rows: BatchRows,
  reader: RowReader,
  tally: Tally,
  { sink, failures }: { sink: RowSink; failures: RowSink | null },
  quiet: boolean,
): Promise<void> {
  const progress = new RowProgress(reader, tally, { quiet })
  try {
    for await (const { line, failed } of rows.run(reader, () => progress.begin())) {
      await sink.add(line)
      if (failed) await failures?.add(line)
      progress.update()
    }
    await sink.end()
    await failures?.end()
  } finally {
    progress.stop()
  }
}

function checkUsage(command: Command, flags: BatchFlags, output: Output | null, isRepeatable: boolean): void {
  if (!output && flags.outFormat !== undefined && flags.outFormat !== 'jsonl') {
    command.error(`error: --out-format ${flags.outFormat} needs --out: stdout takes JSONL`)
  }
  const mistake = rewardMistake(flags)
  if (mistake !== null) command.error(`error: ${mistake}`)
  const ofQueue = queueMistake(flags)
  if (ofQueue !== null) command.error(`error: ${ofQueue}`)
  if (!flags.resume && !flags.shard) return
  if (!output || output.isStream) {
    command.error(`error: --${flags.resume ? 'resume' : 'shard'} needs --out with the name of a file`)
  }
  if (flags.resume && !isRepeatable) {
    command.error('error: --resume needs files: what comes through a pipe cannot be read again')
  }
}

/** The policy of the flags; undefined where none asks for one. @throws InputError, or TypeError and RangeError */
async function policyOf(
  { policy: path, mode, threshold }: BatchFlags,
  signal: AbortSignal,
): Promise<Policy | undefined> {
  if (path === undefined && mode === undefined && threshold === undefined) return undefined
  const given = path === undefined ? {} : await readPolicy(path, signal)
  const policy: Policy = { ...given, ...(mode && { mode }), ...(threshold !== undefined && { threshold }) }
  checkPolicy(policy)
  return policy
}

async function identityOfRun(
  reader: RowReader,
  output: Output,
  flags: BatchFlags,
  policy: Policy | undefined,
  signal: AbortSignal,
): Promise<RunIdentity> {
  const model = resolveModel(flags.model ?? 'demo-gen', 'gen')
  const { contextSize, kvType, flashAttention, deterministic, tooLong, history, format, fields, shard } =
    flags
  const options = {
    columns: columnsOf(flags),
    unsupportedParts: flags.unsupportedParts,
    ...{ reward: flags.reward, helpfulnessColumn: flags.helpfulnessColumn },
    ...{
      contextSize,
      kvType,
      flashAttention,
      deterministic,
      tooLong,
      history,
      format,
      fields,
      policy,
      shard,
    },
    chatTemplate: flags.chatTemplate && (await readFile(flags.chatTemplate, 'utf8')),
    out: { format: output.format, gzip: output.gzip },
  }
  return await identityOf(reader.sources, model, options, signal)
}

/** All rows are judged: the output appears, and what the run has left beside it goes. */
async function finish(
  journal: Journal,
  output: Output,
  identity: RunIdentity,
  inputRows: number,
  { shard, errors }: BatchFlags,
  signal: AbortSignal,
): Promise<void> {
  await journal.end()
  if (errors !== undefined) await writeFailures(journal, errors, signal)
  if (!isPlain(output)) await writeOutput(journal.path, output, signal)
  if (shard) {
    const { shard: _, ...options } = identity.options
    const known: ShardNote = {
      qwen3guardShard: 1,
      shard,
      inputRows,
      rows: journal.rows,
      identity: { ...identity, options },
    }
    await writeShardNote(output.path, known)
  }
  await journal.commit(output.path, isPlain(output))
}

/** The rows that failed, those of earlier runs among them. */
async function writeFailures(journal: Journal, path: string, signal: AbortSignal): Promise<void> {
  await atomicFile(path, async (_handle, temporary) => {
    const file = new FileSink(temporary, signal)
    for await (const { content } of readLines(journal.lines())) {
      const text = content.text ?? ''
      if ('error' in (JSON.parse(text) as object)) await file.add(`${text}\n`)
    }
    await file.end()
  })
}
