import type { Command } from 'commander'
import { type ConvertReport, type ConvertType, convertCheckpoint } from '../models/convert/convert.js'
import { bytes, count } from './display.js'
import type { Run } from './exit.js'
import { startProgress } from './progress.js'
import { print } from './standard-streams.js'
import { typeOption } from './type-option.js'

interface ConvertFlags {
  type: ConvertType
  name?: string
  demonstration?: boolean
  json?: boolean
}

const HELP = `
HF_DIR holds a checkpoint as Hugging Face has it: config.json, tokenizer.json, tokenizer_config.json and one or
more .safetensors files. Norms and guard heads are always written as f32.

Example:
  $ qwen3guard convert ./Qwen3Guard-Stream-0.6B qwen3guard-stream-0.6b-q8_0.gguf --type q8_0`

export function addConvert(program: Command, run: Run): void {
  program
    .command('convert')
    .description('convert a Hugging Face checkpoint, Gen or Stream, to GGUF')
    .argument('<hf_dir>', 'directory of the checkpoint')
    .argument('<out>', '.gguf file to write')
    .addOption(typeOption().makeOptionMandatory())
    .option('--name <name>', "the model's name in the file (default: the directory's)")
    .option('--demonstration', 'mark the file as a demonstration model, which warns when it is loaded')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (directory: string, out: string, { type, name, demonstration, json }: ConvertFlags) => {
      const progress = startProgress('converting', 1)
      let report: ConvertReport
      try {
        report = await convertCheckpoint(directory, out, {
          type,
          name,
          demonstration,
          onProgress: progress.update,
          signal: run.signal,
        })
      } finally {
        progress.stop()
      }
      await print(`${json ? JSON.stringify(report) : describe(report)}\n`)
    })
}

function describe(report: ConvertReport): string {
  const { path, variant, type, tensors, parameters } = report
  const size = bytes(report.bytes)
  return [
    `${path}: ${variant}, ${type}, ${tensors} tensors, ${count(parameters)} parameters, ${size}`,
    ...report.notes.map((note) => `note: ${note}`),
  ].join('\n')
}
