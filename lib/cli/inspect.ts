import type { Command } from 'commander'
import { resolveModel } from '../engine/load.js'
import { type Inspection, inspectGguf } from '../models/inspect.js'
import { bytes, count, printable } from './display.js'
import { EXIT, type Run } from './exit.js'
import { print } from './standard-streams.js'

const HELP = `
Exits with 1 if the file would be refused; the reasons are printed.

Example:
  $ qwen3guard inspect model.gguf`

export function addInspect(program: Command, run: Run): void {
  program
    .command('inspect')
    .description("show what a model file's header says, and whether it would be accepted")
    .argument('<file>', '.gguf file or model name')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (file: string, flags: { json?: boolean }) => {
      const inspection = await inspectGguf(resolveModel(file, 'gen'), { signal: run.signal })
      await print(`${flags.json ? JSON.stringify(inspection) : describe(inspection)}\n`)
      if (inspection.problems.length > 0) run.exitCode = EXIT.error
    })
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

function table(rows: [string, string][]): string {
  const width = Math.max(...rows.map(([key]) => key.length))
  return rows.map(([key, value]) => `${printable(key).padEnd(width)}  ${printable(value)}`).join('\n')
}
