import type { Command } from 'commander'
import { resolveModel } from '../engine/load.js'
import { type Inspection, inspectGguf } from '../models/inspect.js'
import { compareModels, describeComparison } from './compare.js'
import { bytes, count, printable, table } from './display.js'
import { EXIT, type Run } from './exit.js'
import { addEngineOptions, type LoadFlags } from './load-options.js'
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
    .option('--data <rows>', 'with --compare: JSONL file')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (file: string, other: string | undefined, flags: InspectFlags) => {
      if (flags.compare) {
        if (other === undefined || flags.data === undefined) {
          return command.error('error: --compare needs two models and --data')
        }
        const report = await compareModels(command, [file, other], flags.data, flags, run.signal)
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

function describe(inspection: Inspection): string {
  const { labels, tensors, problems } = inspection
  const variant = inspection.variant ?? 'not stated (a plain model with an LM head)'
  const rows: [string, string][] = [
    ['file', inspection.path],
    ['size', bytes(inspection.sizeBytes)],
    ['name', inspection.name ?? 'not stated'],
    ['variant', inspection.demonstration ? `${variant}, a demonstration model` : variant],
    ['architecture', inspection.architecture],
    ['weights', `${inspection.fileType}, ${count(inspection.parameters)} parameters`],
    ...tensors.map((type): [string, string] => [
      `  ${type.type}`,
      `${type.count} tensors, ${bytes(type.bytes)}`,
    ]),
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
    problems.length === 0 ? 'This package accepts the file.' : 'This package refuses the file:',
    ...problems.map((problem) => `  ${printable(problem)}`),
  ].join('\n')
}

function templateLine({ variant, template }: Inspection): string {
  if (!template.present) return 'none'
  const length = `${template.length} characters`
  // Stream's is Qwen3's own, which asks for nothing.
  if (variant === 'stream') return length
  return `${length}, ${template.guard ? 'asks for a safety verdict' : 'does not ask for a safety verdict'}`
}
