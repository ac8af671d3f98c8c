import path from 'node:path'
import type { Command } from 'commander'
import { type RowError, rowError } from '../batch/row-error.js'
import { addon } from '../binding/addon.js'
import { InputError } from '../data/input-error.js'
import { benchmarkResults } from '../eval/benchmark-results.js'
import { Evaluation } from '../eval/evaluation.js'
import type { ModelIdentity } from '../eval/identity.js'
import { publishedFigures } from '../eval/published.js'
import type { EvalReport } from '../eval/report-data.js'
import type { ShownError } from '../eval/worst.js'
import { inOrder } from '../in-order.js'
import type { Safety } from '../labels.js'
import { describeGguf } from '../models/gguf/describe.js'
import { readModelHeader } from '../models/gguf/split.js'
import { hashFile } from '../models/hub/file-hash.js'
import { resolveModel } from '../models/resolve.js'
import type { Policy } from '../policy.js'
import { type FoundItem, LabelledData, readFormats } from './eval-data.js'
import type { EvalFlags } from './eval-flags.js'
import { type CheckResult, judge, type LoadedGuard, loadGuard } from './judge.js'
import { startProgress } from './progress.js'
import { columnsOf } from './row-flags.js'
import { say } from './say.js'
import type { Fit } from './too-long.js'

const MOST_FAILURES = 10

/**
 * Judges labelled rows with one model and adds up the figures.
 *
 * @throws InputError if the data hold no labelled text; as `loadGuard`
 */
export async function evaluate(
  command: Command,
  names: readonly string[],
  flags: EvalFlags,
  policy: Policy,
  signal: AbortSignal,
  version: string,
): Promise<{ report: Omit<EvalReport, 'requirements'>; shownErrors: ShownError[] }> {
  const { caution, toxicityFrom, seed, targetFpr, holdBack, official = false, tooLong, history } = flags
  const columns = {
    ...columnsOf(flags),
    ...(flags.labelColumn !== undefined && { label: flags.labelColumn }),
  }
  const formats = readFormats(flags.format)
  const data = await LabelledData.open(names, formats, { caution, toxicityFrom, columns }, signal, say)
  const evaluation = new Evaluation({ caution, seed, wantedFpr: targetFpr, policy, holdBack, official })
  const failures: EvalReport['failures'] = []
  const loaded = await loadGuard(command, flags, signal)
  const progress = startProgress('judging', data.reader.bytes)
  let identity: ModelIdentity
  let seconds: number
  try {
    identity = await identify(loaded, version, signal)
    const started = performance.now()
    const judged = inOrder(
      limited(data.items(), flags.limit),
      (found, stop) => outcomeOf(loaded, found, { tooLong, history, official }, stop),
      2 * loaded.guard.stats().maxSequences,
      signal,
    )
    for await (const { found, outcome } of judged) {
      const { file, line, item, source } = found
      evaluation.add({ file, line }, source, item, outcome)
      if ('error' in outcome && failures.length < MOST_FAILURES) failures.push({ file, ...outcome.error })
      progress.update(data.reader.bytesRead, `${evaluation.n} texts`)
    }
    seconds = (performance.now() - started) / 1000
  } finally {
    progress.stop()
    await loaded.guard.close()
  }
  data.requireNamedColumns()
  const found = [...data.identities.values()]
  const skipped: Record<string, number> = {}
  for (const one of found) {
    for (const [reason, count] of Object.entries(one.skipped))
      skipped[reason] = (skipped[reason] ?? 0) + count
  }
  if (evaluation.n === 0) throw new InputError(nothing(data.rows, skipped))
  const figures = evaluation.figures()
  const report: Omit<EvalReport, 'requirements'> = {
    format: 'qwen3guard-eval/1',
    time: new Date().toISOString(),
    model: identity,
    data: found,
    rows: data.rows,
    skipped,
    ...figures,
    settings: { seed, caution, policy, holdBack, tooLong, history },
    speed: { seconds, textsPerSecond: seconds > 0 ? evaluation.n / seconds : null },
    failures,
    published: publishedFigures(identity, found, figures),
    benchmark: benchmarkResults(identity, found, figures),
  }
  return { report, shownErrors: evaluation.shownErrors }
}

function nothing(rows: number, skipped: Record<string, number>): string {
  if (rows === 0) return 'nothing to evaluate: the data have no rows'
  const reasons = Object.entries(skipped)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 3)
    .map(([reason, count]) => `${reason} (${count})`)
  return `nothing to evaluate: none of ${rows} rows has a labelled text: ${reasons.join(', ')}. --format names the layout, --label-column and --prompt-column the columns`
}

interface Judgement {
  found: FoundItem
  outcome: (CheckResult & { closing?: Safety[] | null }) | { error: RowError }
}

async function outcomeOf(
  loaded: LoadedGuard,
  found: FoundItem,
  { official, ...fit }: Fit & { official: boolean },
  signal: AbortSignal,
): Promise<Judgement> {
  try {
    const closing: (Safety[] | null)[] = []
    const onClosing = official ? (risks: Safety[] | null) => void closing.push(risks) : undefined
    const result = await judge(loaded, found.item.messages, fit, signal, onClosing)
    const outcome = closing.length === 0 ? result : { ...result, closing: closing[0] ?? null }
    return { found, outcome }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    return { found, outcome: { error: rowError(error, found.line) } }
  }
}

async function* limited<T>(items: AsyncIterable<T>, most: number | undefined): AsyncGenerator<T> {
  let count = 0
  for await (const item of items) {
    yield item
    count += 1
    if (count === most) return
  }
}

async function identify(loaded: LoadedGuard, version: string, signal: AbortSignal): Promise<ModelIdentity> {
  const file = resolveModel(loaded.model, 'gen')
  const description = describeGguf(await readModelHeader(file, { signal }))
  const { name, description: driver } = loaded.guard.device
  return {
    // A path says where somebody keeps models; its last part is what it is called.
    model: loaded.model.includes(path.sep) ? path.basename(loaded.model) : loaded.model,
    kind: loaded.kind,
    name: description.name,
    type: description.fileType,
    bytes: description.sizeBytes,
    sha256: await hashFile(file, 'sha256', { signal }),
    licence: description.license,
    demonstration: description.demonstration,
    device: driver ?? name,
    versions: {
      qwen3guard: version,
      llamaCpp: addon().binding.systemInfo().llamaCpp,
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    },
  }
}
