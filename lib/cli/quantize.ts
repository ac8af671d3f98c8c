import type { Command } from 'commander'
import { type QuantizeReport, quantizeGguf } from '../models/convert/quantize.js'
import type { ConvertType } from '../models/convert/tensor-type.js'
import { resolveModel } from '../models/resolve.js'
import { bytes, count } from './display.js'
import type { Run } from './exit.js'
import { startProgress } from './progress.js'
import { print } from './standard-streams.js'
import { typeOption } from './type-option.js'

interface QuantizeFlags {
  type: ConvertType
  json?: boolean
}

const HELP = `
Norms and guard heads stay f32. Best from a file in f32, f16 or bf16: weights that are quantized already are
rounded twice, and to a type in which they would take no less room they are refused.

Example:
  $ qwen3guard quantize qwen3guard-gen-0.6b-f16.gguf qwen3guard-gen-0.6b-q4_k_m.gguf --type q4_k_m`

export function addQuantize(program: Command, run: Run): void {
  program
    .command('quantize')
    .description('write a model file in another type')
    .argument('<in>', '.gguf file or model name')
    .argument('<out>', '.gguf file to write')
    .addOption(typeOption().makeOptionMandatory())
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (model: string, out: string, { type, json }: QuantizeFlags) => {
      const progress = startProgress('quantizing', 1)
      let report: QuantizeReport
      try {
        report = await quantizeGguf(resolveModel(model, 'gen'), out, {
          type,
          onProgress: progress.update,
          signal: run.signal,
        })
      } finally {
        progress.stop()
      }
      await print(`${json ? JSON.stringify(report) : describe(report)}\n`)
    })
}

function describe(report: QuantizeReport): string {
  const { path, type, from, tensors, parameters, notes } = report
  const sizes = `${bytes(report.bytes)}, from ${from} in ${bytes(report.sourceBytes)}`
  return [
    `${path}: ${type}, ${tensors} tensors, ${count(parameters)} parameters, ${sizes}`,
    ...notes.map((note) => `note: ${note}`),
  ].join('\n')
}
