import type { Command } from 'commander'
import { rowError } from '../batch/row-error.js'
import { RowColumns } from '../data/columns.js'
import { InputError } from '../data/input-error.js'
import { readRows } from '../data/read-rows.js'
import type { Row } from '../data/row.js'
import { inOrder } from '../in-order.js'
import { describeGguf } from '../models/gguf/describe.js'
import { readModelHeader } from '../models/gguf/split.js'
import { resolveModel } from '../models/resolve.js'
import {
  type Agreement,
  Comparison,
  type ComparisonReport,
  type Part,
  type PartComparison,
  reduce,
} from './comparison.js'
import { percent } from './display.js'
import { judge, loadGuard } from './judge.js'
import type { LoadFlags } from './load-options.js'
import { type Outcome, OutcomeFile } from './outcome-file.js'
import { printable } from './printable.js'
import { startProgress } from './progress.js'
import { note } from './row-flags.js'

/**
 * Judges the rows of a file with one model after the other, so that only one is in memory, and
 * compares the verdicts. The first model's wait on disk, in some 60 bytes a token.
 *
 * @throws InputError if the two are not of one variant, or there are no rows
 */
export async function compareModels(
  command: Command,
  models: [string, string],
  path: string,
  flags: LoadFlags,
  signal: AbortSignal,
): Promise<ComparisonReport> {
  const [kind, other] = await Promise.all(models.map((model) => kindOf(model, signal)))
  if (kind !== other) {
    throw new InputError(
      `${models[0]} is a ${kind} model and ${models[1]} a ${other} model: give two of a kind`,
    )
  }
  const { sources } = await readRows([path])
  if (sources.some(({ size }) => size === null)) {
    throw new InputError(`${path} cannot be read twice, once for each model: give a file`)
  }
  const columns = new RowColumns({}, { onNote: note })
  const comparison = new Comparison()
  const first = await OutcomeFile.create()
  try {
    for await (const outcome of judgeRows(command, { ...flags, model: models[0] }, path, columns, signal)) {
      await first.add(outcome)
    }
    if (first.count === 0) throw new InputError(`${path} has no rows: nothing to compare`)
    const earlier = first.read()
    for await (const b of judgeRows(command, { ...flags, model: models[1] }, path, columns, signal)) {
      const { value: a } = await earlier.next()
      if (a?.line !== b.line) throw new InputError(`${path} changed while it was read: compare again`)
      addRow(comparison, a, b)
    }
  } finally {
    await first.remove()
  }
  return comparison.report(kind as 'gen' | 'stream', models)
}

function addRow(comparison: Comparison, a: Outcome, b: Outcome): void {
  if ('error' in a) {
    comparison.fail(a.error, 'error' in b ? null : 0)
  } else if ('error' in b) {
    comparison.fail(b.error, 1)
  } else {
    try {
      comparison.add(a.line, a.reduced, b.reduced)
    } catch (error) {
      comparison.fail(rowError(error, a.line), null)
    }
  }
}

async function kindOf(model: string, signal: AbortSignal): Promise<'gen' | 'stream'> {
  const { variant } = describeGguf(await readModelHeader(resolveModel(model, 'gen'), { signal }))
  return variant === 'stream' ? 'stream' : 'gen'
}

async function* judgeRows(
  command: Command,
  flags: LoadFlags & { model: string },
  path: string,
  columns: RowColumns,
  signal: AbortSignal,
): AsyncGenerator<Outcome> {
  const reader = await readRows([path], { signal })
  const loaded = await loadGuard(command, flags, signal)
  const progress = startProgress(`judging with ${flags.model}`, reader.bytes)
  const work = async (row: Row, stop: AbortSignal): Promise<Outcome> => {
    const { number: line, record } = row
    try {
      if (record === null) throw new InputError(row.defect)
      const { messages } = columns.inputOf(record)
      const result = await judge(loaded, messages, { tooLong: 'error', history: 'error' }, stop)
      return { line, reduced: reduce(result) }
    } catch (error) {
      if (stop.aborted) throw stop.reason
      return { line, error: rowError(error, line) }
    }
  }
  try {
    const width = 2 * loaded.guard.stats().maxSequences
    for await (const outcome of inOrder(reader, work, width, signal)) {
      progress.update(reader.bytesRead)
      yield outcome
    }
  } finally {
    progress.stop()
    await loaded.guard.close()
  }
}

const PART_NAMES: Record<Part, string> = {
  verdict: 'verdicts',
  prompt: 'prompts',
  reply: 'replies',
  token: 'tokens',
}

/** The report for people. */
export function describeComparison(report: ComparisonReport): string {
  const { models, compared, failed, errors, parts, differing, differences } = report
  const lines = [`A: ${models[0]}`, `B: ${models[1]}`, `rows: ${compared} compared, ${failed} failed`]
  for (const [part, comparison] of Object.entries(parts) as [Part, PartComparison][]) {
    lines.push('', PART_NAMES[part], ...describePart(part, comparison))
  }
  if (compared > 0) lines.push('', `rows that differ: ${differing} of ${compared}`)
  for (const { line, part, token, verdicts } of differences) {
    const where = token === null ? part : `token ${token}`
    lines.push(`  line ${line}, ${where}: ${verdicts[0]} → ${verdicts[1]}`)
  }
  if (failed > 0) lines.push('', `rows that failed: ${failed}`)
  for (const { line, model, code, message } of errors) {
    const who = model === null ? 'A and B' : 'AB'.charAt(model)
    lines.push(`  line ${line}, ${who}: ${message} (${code})`)
  }
  return lines.map(printable).join('\n')
}

function describePart(part: Part, { safety, category, refusal, shift }: PartComparison): string[] {
  const agreement = (name: string, { same, of }: Agreement) =>
    `  ${name} agrees in ${same} of ${of}${of > 0 ? ` (${percent(same / of)})` : ''}`
  const lines = [agreement(part === 'token' ? 'risk' : 'safety', safety)]
  if (category) lines.push(agreement('category', category))
  if (refusal) lines.push(agreement('refusal', refusal))
  if (shift) {
    lines.push(
      `  probabilities of the severities shift by ${shift.mean.toFixed(4)} on average, ${shift.largest.toFixed(4)} at most (line ${shift.line})`,
    )
  }
  return lines
}
