import { createWriteStream } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Command } from 'commander'
import { removeTree } from '../held-files.js'
import { resolveModel } from '../models/resolve.js'
import { compareModels, describeComparison } from './compare.js'
import { bytes, count, table } from './display.js'
import { EXIT, type Run } from './exit.js'
import { type Inspection, inspectGguf } from './inspection.js'
import { addEngineOptions, type LoadFlags } from './load-options.js'
import { printable } from './printable.js'
import { print } from './standard-streams.js'

interface InspectFlags extends LoadFlags {
  compare?: boolean
  data?: string
  json?: boolean
}

const HELP = `
Exits with 1 if the file would be refused; the reasons are printed. The weights are not read.

With --compare, both models are loaded, one after the other, and judge the rows of --data, which are those of
batch; it exits with 1 if a row could not be judged. The flags from --threads on are for this.

Examples:
  $ qwen3guard inspect model.gguf
  $ qwen3guard inspect --compare model-f16.gguf model-q4_k_m.gguf --data rows.jsonl`

export function addInspect(program: Command, run: Run): void {
  const command = program
    .command('inspect')
    .description(
      "show what a model file's header says, and whether it would be accepted; or compare two models",
    )
    .argument('<file>', '.gguf file or model name')
    .argument('[other]', 'with --compare: the other one')
    .option('--compare', 'judge rows with both files and show how their verdicts differ')
    .option('--data <rows>', 'with --compare: JSONL file, or "-" for stdin')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (file: string, other: string | undefined, flags: InspectFlags) => {
      if (flags.compare) {
        if (other === undefined || flags.data === undefined) {
          return command.error('error: --compare needs two models and --data')
        }
        const models: [string, string] = [file, other]
        const report = await withRowsFile(flags.data, run.signal, (rows) =>
          compareModels(command, models, rows, flags, run.signal),
        )
        await print(`${flags.json ? JSON.stringify(report) : describeComparison(report)}\n`)
        if (report.failed > 0) run.exitCode = EXIT.error
        return
      }
      if (other !== undefined || flags.data !== undefined) {
        command.error('error: a second model and --data are for --compare')
      }
      const inspection = await inspectGguf(resolveModel(file, 'gen'), { signal: run.signal })
      await print(`${flags.json ? JSON.stringify(inspection) : describe(inspection)}\n`)
      if (inspection.problems.length > 0) run.exitCode = EXIT.error
    })
  addEngineOptions(command)
}

/** Rows are read twice: those of stdin go to a file for that long. */
async function withRowsFile<T>(
  data: string,
  signal: AbortSignal,
  use: (path: string) => Promise<T>,
): Promise<T> {
  if (data !== '-') return await use(data)
  const directory = await mkdtemp(join(tmpdir(), 'qwen3guard-rows-'))
  try {
    const path = join(directory, 'stdin')
    await pipeline(process.stdin, createWriteStream(path), { signal })
    return await use(path)
  } finally {
    await removeTree(directory)
  }
}

function describe(inspection: Inspection): string {
  const { labels, tensors, problems, templateProblem, guard } = inspection
  const rows: [string, string][] = [
    ['file', inspection.path],
    ['size', bytes(inspection.sizeBytes)],
    ['name', inspection.name ?? 'not stated'],
    ['licence', inspection.license ?? 'not stated'],
    ['base model', inspection.baseModel ?? 'not stated'],
    ['variant', variantLine(inspection)],
    ['architecture', inspection.architecture],
    ['network', shapeLine(inspection)],
    ['context', `${count(inspection.shape.context)} positions`],
    ['weights', weightsLine(inspection)],
    ...tensors.map((type): [string, string] => [
      `  ${type.type}`,
      `${type.count} tensors, ${bytes(type.bytes)}`,
    ]),
    ['tokenizer', tokenizerLine(inspection)],
    ['chat template', templateLine(inspection)],
  ]
  if (labels !== null) {
    rows.push(
      ['head width', String(labels.inner)],
      ['reply risks', labels.response.risk.join(', ')],
      ['reply categories', labels.response.category.join(', ')],
      ['prompt risks', labels.query.risk.join(', ')],
      ['prompt categories', labels.query.category.join(', ')],
    )
  }
  if (inspection.memory) rows.push(['memory', memoryLine(inspection.memory)])
  const metadata = Object.entries(inspection.metadata).map(([key, value]): [string, string] => [
    key,
    typeof value === 'object' ? `${value.count} × ${value.array}` : String(value).split('\n', 1).join(''),
  ])
  return [
    table(rows),
    '',
    `metadata (GGUF version ${inspection.version})`,
    table(metadata),
    '',
    guard === null ? 'This package refuses the file:' : `This package accepts the file: ${guard} loads it.`,
    ...problems.map((problem) => `  ${printable(problem)}`),
    ...(templateProblem === null ? [] : [`But for its chat template: ${printable(templateProblem)}`]),
  ].join('\n')
}

function variantLine({ variant, demonstration }: Inspection): string {
  const shown = variant ?? 'not stated (a plain model with an LM head)'
  return demonstration ? `${shown}, a demonstration model` : shown
}

function shapeLine({ shape }: Inspection): string {
  const { blocks, embedding, feedForward, heads, headsKv, headSize } = shape
  return `${blocks} layers, hidden ${embedding}, feed-forward ${feedForward}, ${heads} heads and ${headsKv} KV heads of ${headSize}`
}

function weightsLine({ fileType, parameters, bitsPerWeight }: Inspection): string {
  return `${fileType}, ${count(parameters)} parameters of ${bitsPerWeight.toFixed(2)} bits`
}

function tokenizerLine({ tokenizer }: Inspection): string {
  const { model, pre, tokens, merges, added } = tokenizer
  const open = added.userDefined > 0 ? `, ${added.userDefined} that content can write` : ''
  return `${model ?? 'none'} / ${pre ?? 'none'}, ${count(tokens)} tokens (${added.control} control${open}), ${count(merges)} merges`
}

const TEMPLATES = {
  gen: "Gen's: asks for a safety verdict",
  qwen3: "Qwen3's",
  other: "neither Gen's nor Qwen3's",
  broken: 'does not render',
}

function templateLine({ template }: Inspection): string {
  if (template.kind === null) return 'none'
  return `${TEMPLATES[template.kind]}, ${template.length} characters`
}

function memoryLine({ total, weights, kvCache, kept, compute }: NonNullable<Inspection['memory']>): string {
  const parts = `weights ${bytes(weights)}, KV cache ${bytes(kvCache + kept)}, compute ${bytes(compute)}`
  return `${bytes(total)} with default options (${parts})`
}
