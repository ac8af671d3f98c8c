import { type Command, InvalidArgumentError, Option } from 'commander'
import { validateLoadOptions } from '../engine/load-options.js'
import type { Gpu, KvType, LoadOptions, LogLevel } from '../index.js'
import { inFlags } from './flag-names.js'
import { startProgress } from './progress.js'
import { readTextFile } from './text-file.js'

/** What commander makes of the flags below. */
export interface LoadFlags {
  model?: string
  threads?: number
  contextSize?: number
  maxSequences?: number
  kvType?: KvType
  flashAttention?: 'on' | 'off' | 'auto'
  deterministic?: boolean
  gpu?: 'auto' | 'cuda' | 'metal' | 'vulkan' | 'off'
  device?: number | string
  gpuLayers?: number
  chatTemplate?: string
  logLevel: LogLevel
}

function integer(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Expected a whole number.')
  return Number(text)
}

function device(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text
}

/** Gives `command` the flags of LoadOptions; docs/options.md explains them. */
export function addLoadOptions(command: Command, defaultModel: string): Command {
  command.option(
    '-m, --model <model>',
    `a .gguf file or a model name (default: the demonstration model ${defaultModel})`,
  )
  return addEngineOptions(command)
}

/** The same without `--model`, for a command that takes models as arguments. */
export function addEngineOptions(command: Command): Command {
  return command
    .option('--threads <n>', 'decode threads', integer)
    .option('--context-size <n>', 'positions (tokens) per sequence', integer)
    .option('--max-sequences <n>', 'sequences decoded at once', integer)
    .addOption(new Option('--kv-type <type>', "type of the KV cache's cells").choices(['f16', 'q8_0', 'f32']))
    .addOption(new Option('--flash-attention <mode>', 'flash attention').choices(['on', 'off', 'auto']))
    .option('--deterministic', 'numbers that follow from the text alone, whatever is judged beside')
    .addOption(new Option('--gpu <backend>', 'back end').choices(['auto', 'cuda', 'metal', 'vulkan', 'off']))
    .option('--device <device>', "the back end's device: index, name, or part of its description", device)
    .option('--gpu-layers <n>', 'layers on the GPU (default: all)', integer)
    .option('--chat-template <file>', "Jinja template to use instead of the model file's")
    .addOption(
      new Option('--log-level <level>', "llama.cpp's log lines on stderr")
        .choices(['error', 'warn', 'info', 'debug'])
        .default('error'),
    )
}

/** LoadOptions as the flags say; what no flag names keeps the library's default, which for the model is none. */
export async function readLoadOptions(
  command: Command,
  flags: LoadFlags,
  signal: AbortSignal,
  defaultModel: 'demo-gen' | 'demo-stream',
): Promise<LoadOptions> {
  const flash = { on: true, off: false, auto: 'auto' } as const
  const gpu: Gpu | undefined = flags.gpu === 'off' ? false : flags.gpu
  const options: LoadOptions = {
    model: flags.model ?? defaultModel,
    ...(flags.threads !== undefined && { threads: flags.threads }),
    ...(flags.contextSize !== undefined && { contextSize: flags.contextSize }),
    ...(flags.maxSequences !== undefined && { maxSequences: flags.maxSequences }),
    ...(flags.kvType !== undefined && { kvType: flags.kvType }),
    ...(flags.flashAttention !== undefined && { flashAttention: flash[flags.flashAttention] }),
    ...(flags.deterministic !== undefined && { deterministic: flags.deterministic }),
    ...(gpu !== undefined && { gpu }),
    ...(flags.device !== undefined && { device: flags.device }),
    ...(flags.gpuLayers !== undefined && { gpuLayers: flags.gpuLayers }),
    ...(flags.chatTemplate !== undefined && { chatTemplate: await readTextFile(flags.chatTemplate, signal) }),
    logLevel: flags.logLevel,
    onLog: (_level, message) => process.stderr.write(message.endsWith('\n') ? message : `${message}\n`),
    signal,
  }
  try {
    validateLoadOptions(options, defaultModel === 'demo-gen' ? 'gen' : 'stream')
  } catch (error) {
    command.error(`error: ${inFlags((error as Error).message)}`)
  }
  return options
}

/** Runs `load` with a progress bar on stderr while the weights are read. */
export async function withLoadProgress<T>(
  options: LoadOptions,
  load: (options: LoadOptions) => Promise<T>,
): Promise<T> {
  const progress = startProgress('loading', 1)
  try {
    return await load({ ...options, onProgress: (fraction) => progress.update(fraction) })
  } finally {
    progress.stop()
  }
}
