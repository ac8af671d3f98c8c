import type { LoadedGuard } from '../batch/judge.js'
import { RowJudge } from '../batch/row-judge.js'
import { RowColumns } from '../data/columns.js'
import type { Row } from '../data/row.js'
import { QueueError } from '../errors.js'
import { inOrder } from '../in-order.js'
import type { LeftOut } from '../message-parts.js'
import type { RowTask } from './chunk.js'
import { isWhole, nextParts, type Parts } from './parts.js'
import type { Solitude } from './solitude.js'

/** What became of the rows of a chunk. */
export interface JudgedChunk {
  /** Each with its line break, in order. */
  lines: string[]
  failed: number
  leftOut: Partial<Record<LeftOut, number>>
  /** What was guessed about columns. */
  notes: string[]
}

/** What surrounds the judging of a chunk. */
export interface ChunkSurroundings {
  /** What an earlier worker has written down of this chunk, if anything. */
  earlier: unknown
  /** Writes down which part is in work, before it is begun. */
  record(parts: Parts): Promise<void>
  /** Lets parts in: one in which a worker ended before, by itself. */
  solitude: Solitude
  /** Resolves when no single check is waiting: those come first. */
  quiet(): Promise<void>
  /** Whether an error that is the worker's fault and not the row's ends the chunk, for another worker to judge. */
  mayGoElsewhere: boolean
  signal: AbortSignal
}

/** Errors that say more of the worker than of the row. */
const OF_THE_WORKER = new Set(['ERR_CLOSED', 'ERR_BACKEND_FAILED', 'ERR_MEMORY', 'ERR_ADDON_LOAD'])

/** Judges the rows of a chunk as `batch` does. @throws `signal.reason`; an error where another worker shall try */
export async function judgeChunk(
  loaded: LoadedGuard,
  task: RowTask,
  rows: readonly Row[],
  surroundings: ChunkSurroundings,
): Promise<JudgedChunk> {
  const { record, solitude, quiet, signal, mayGoElsewhere } = surroundings
  const notes = new Set<string>()
  const columns = new RowColumns(task.columns, {
    unsupportedParts: task.unsupportedParts,
    onNote: (note) => void notes.add(note),
  })
  const judge = new RowJudge({ ...loaded, model: task.model }, columns, task)
  const parts = nextParts(rows.length, surroundings.earlier)
  const lines = new Array<string>(rows.length)
  const leftOut: Partial<Record<LeftOut, number>> = {}
  let failed = 0
  for (const at of parts.givenUp) {
    lines[at] = judge.failed(rows[at] as Row, endedWorkers()).line
    failed += 1
  }
  for (const [index, [from, to]] of parts.ranges.entries()) {
    const ends = parts.inWork === index ? parts.ends : 0
    const leave = await solitude.enter(ends > 0 || !isWhole(parts), signal)
    try {
      await record({ ...parts, inWork: index, ends })
      const judged = inOrder(
        rows.slice(from, to),
        async (row, signal) => {
          await quiet()
          return await judge.judge(row, signal)
        },
        judge.width,
        signal,
      )
      let at = from
      for await (const { line, added, leftOut: kinds } of judged) {
        if ('error' in added) {
          failed += 1
          if (mayGoElsewhere && OF_THE_WORKER.has(added.error.code)) throw new Error(added.error.message)
        }
        for (const kind of kinds) leftOut[kind] = (leftOut[kind] ?? 0) + 1
        lines[at++] = line
      }
    } finally {
      leave()
    }
  }
  return { lines, failed, leftOut, notes: [...notes] }
}

function endedWorkers(): QueueError {
  return new QueueError(
    'every worker that judged this row ended before it had a verdict: the row was given up',
    'ERR_WORKER_LOST',
  )
}
