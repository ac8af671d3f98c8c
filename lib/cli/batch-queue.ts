import { InputError } from '../data/input-error.js'
import type { NamedColumns } from '../data/named-columns.js'
import type { RowReader } from '../data/read-rows.js'
import type { Row } from '../data/row.js'
import { QueueError } from '../errors.js'
import type { LoadOptions } from '../index.js'
import type { LeftOut } from '../message-parts.js'
import { type BatchProgress, readBatch, whenDone } from '../queue/await.js'
import { linesOf, type RowTask } from '../queue/chunk.js'
import { enqueueRows } from '../queue/enqueue.js'
import { type QueueFlags, queueOptions } from './queue-flags.js'
import { note } from './row-flags.js'
import { RowProgress } from './row-progress.js'
import type { FileSink, RowSink } from './row-sink.js'
import { say } from './say.js'
import type { Tally } from './tally.js'

/** What a batch is that goes through a queue. */
export interface QueueRun {
  flags: QueueFlags & { quiet?: boolean }
  task: RowTask
  /** Opens the input, each time that it must be read. */
  read(): Promise<RowReader>
  isRepeatable: boolean
  named: NamedColumns
  tally: Tally
  /** Rows that an earlier run has written. */
  earlier: number
  sinkOf(): RowSink
  failuresOf(): FileSink | null
  loading: LoadOptions
}

/** Lets workers judge, and writes what they return. @returns rows of the input */
export async function judgeInQueue(run: QueueRun, signal: AbortSignal): Promise<number> {
  const started = Date.now()
  let again = false
  while (true) {
    try {
      return await judgeOnce(run, again, started, signal)
    } catch (error) {
      if (!(error instanceof QueueError) || error.code !== 'ERR_BATCH_LOST' || !run.isRepeatable) throw error
      note(`${error.message.split('.')[0]}: it is added anew`)
      again = true
    }
  }
}

async function judgeOnce(
  { flags, task, read, named, tally, earlier, sinkOf, failuresOf, loading }: QueueRun,
  again: boolean,
  started: number,
  signal: AbortSignal,
): Promise<number> {
  const reader = await read()
  const place = { ...queueOptions(flags.queue ?? '', flags), signal, onNote: once(note) }
  const { model, contextSize, kvType, flashAttention, deterministic, chatTemplate } = loading
  const { chunkRows, priority } = flags
  const batch = await enqueueRows(
    seen(reader, named),
    task,
    {
      ...place,
      ...{ model, merge: false },
      ...(contextSize !== undefined && { contextSize }),
      ...(kvType !== undefined && { kvType }),
      ...(flashAttention !== undefined && { flashAttention }),
      ...(deterministic !== undefined && { deterministic }),
      ...(chatTemplate !== undefined && { chatTemplate }),
      ...(chunkRows !== undefined && { chunkRows }),
      ...(priority !== undefined && { priority }),
    },
    again,
  )
  if (batch.rows < earlier) {
    throw new InputError(
      `the input has ${batch.rows} rows, and the run that is gone on with has written ${earlier}: it is another input. Delete what it left to begin again`,
    )
  }
  if (!flags.quiet) {
    note(
      `batch ${batch.id} ${batch.attached ? 'is in the queue already' : 'is in the queue'}: ${batch.rows} rows, ${batch.chunks} jobs`,
    )
  }
  const progress = new ClusterProgress(flags.quiet ?? false)
  const { job } = await whenDone(batch.id, { ...place, onProgress: (now) => progress.update(now) }).finally(
    () => progress.stop(),
  )
  const [sink, failures] = [sinkOf(), failuresOf()]
  const notes = new Set<string>()
  let [at, tokens] = [0, 0]
  try {
    for await (const { result, bytes } of readBatch(batch.id, job, place)) {
      tokens += result.tokens
      for (const text of result.notes) notes.add(text)
      countLeftOut(tally, result.leftOut)
      for (const line of linesOf(bytes)) {
        at += 1
        if (at <= earlier) continue
        const written = JSON.parse(line) as { verdict?: unknown; error?: unknown }
        tally.add(written)
        await sink.add(`${line}\n`)
        if ('error' in written) await failures?.add(`${line}\n`)
      }
    }
    await sink.end()
    await failures?.end()
  } finally {
    failures?.destroy()
  }
  for (const text of notes) note(text)
  if (!flags.quiet) {
    const table = tally.table({ judged: tally.rows - earlier, ms: Date.now() - started, tokens })
    say(tally.summary(reader.blankLines), ...table)
  }
  return batch.rows
}

/** Rows of an input, of which columns that flags name must be among them. */
async function* seen(reader: RowReader, named: NamedColumns): AsyncGenerator<Row> {
  for await (const row of reader) {
    named.see(row)
    yield row
  }
  named.requireSeen()
}

function countLeftOut(tally: Tally, leftOut: Partial<Record<LeftOut, number>>): void {
  for (const [kind, rows] of Object.entries(leftOut) as [LeftOut, number][]) {
    for (let row = 0; row < rows; row++) tally.addLeftOut(new Set([kind]))
  }
}

/** Says nothing twice: a server that is away would fill the screen. */
function once(say: (text: string) => void): (text: string) => void {
  const said = new Set<string>()
  return (text) => {
    if (!said.has(text)) say(text)
    said.add(text)
  }
}

/** Rows that workers have judged, as `batch` shows its own. */
class ClusterProgress {
  readonly #quiet: boolean
  #shown: RowProgress | undefined
  readonly #rows = { bytes: 0 as number | null, bytesRead: 0 }
  readonly #counts = { rows: 0, counts: '' }
  #alone = false

  constructor(quiet: boolean) {
    this.#quiet = quiet
  }

  update({ rows, chunks, done, doneRows, workers }: BatchProgress): void {
    Object.assign(this.#rows, { bytes: rows, bytesRead: doneRows })
    const jobs = `${done} of ${chunks} jobs, ${workers} worker${workers === 1 ? '' : 's'}`
    Object.assign(this.#counts, { rows: doneRows, counts: jobs })
    if (workers === 0 && !this.#alone) {
      note('no worker is connected to the queue: start some by `qwen3guard worker`')
    }
    this.#alone = workers === 0
    this.#shown ??= new RowProgress(this.#rows, this.#counts, { quiet: this.#quiet })
    this.#shown.update()
  }

  stop(): void {
    this.#shown?.stop()
  }
}
