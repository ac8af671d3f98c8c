import type { Variant } from '../models/resolve.js'
import { checkKeys, checkSignal, type Keys } from '../options.js'
import type { LoadOptions } from '../types.js'

const GPUS = ['auto', 'cuda', 'metal', 'vulkan', false] as const
const KV_TYPES = ['f16', 'q8_0', 'f32'] as const
const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const

/** All there are: the one list that keys are checked against. */
const LOAD_KEYS: Keys<LoadOptions> = {
  model: true,
  chatTemplate: true,
  gpu: true,
  device: true,
  gpuLayers: true,
  threads: true,
  contextSize: true,
  maxSequences: true,
  maxQueue: true,
  kvType: true,
  flashAttention: true,
  deterministic: true,
  onProgress: true,
  logLevel: true,
  onLog: true,
  signal: true,
}

/** What to give, to end a message with. */
function whichModel(variant: Variant): string {
  return (
    `\`npx qwen3guard pull qwen3guard-${variant}-0.6b\` gets a model, whose name is then \`model\`; ` +
    "`model: 'demo'` is the demonstration model, which protects nobody"
  )
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  return typeof value === 'string' ? `'${value}'` : `${String(value)} (${typeof value})`
}

function oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (value !== undefined && !allowed.includes(value)) {
    throw new TypeError(
      `Expected \`${name}\` to be one of ${allowed.map(shown).join(', ')}, got ${shown(value)}`,
    )
  }
}

function integer(name: string, value: unknown, from: number, to: number): void {
  if (value === undefined) return
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new TypeError(`Expected \`${name}\` to be an integer from ${from} to ${to}, got ${shown(value)}`)
  }
  if (value < from || value > to) {
    throw new RangeError(`Expected \`${name}\` to be an integer from ${from} to ${to}, got ${value}`)
  }
}

function ofType(name: string, value: unknown, type: 'string' | 'function' | 'boolean'): void {
  if (value !== undefined && typeof value !== type) {
    throw new TypeError(`Expected \`${name}\` to be a ${type}, got ${shown(value)}`)
  }
}

/** @throws TypeError, RangeError naming the option, what it may be and what came */
export function validateLoadOptions(options: LoadOptions, variant: Variant): void {
  checkKeys('the options of load', options, LOAD_KEYS, {}, `. ${whichModel(variant)}`)
  ofType('chatTemplate', options.chatTemplate, 'string')
  oneOf('gpu', options.gpu, GPUS)
  if (options.device !== undefined && typeof options.device !== 'number') {
    ofType('device', options.device, 'string')
    if (options.device === '') throw new TypeError("Expected `device` to name a device, got ''")
  } else {
    integer('device', options.device, 0, 255)
  }
  integer('gpuLayers', options.gpuLayers, 0, 1024)
  if (options.gpu === false && (options.device !== undefined || options.gpuLayers)) {
    throw new TypeError('Expected no `device` and no `gpuLayers` with `gpu: false`, which is the CPU')
  }
  integer('threads', options.threads, 1, 512)
  integer('contextSize', options.contextSize, 64, 1 << 20)
  integer('maxSequences', options.maxSequences, 1, 256)
  integer('maxQueue', options.maxQueue, 0, 1 << 20)
  oneOf('kvType', options.kvType, KV_TYPES)
  oneOf('flashAttention', options.flashAttention, ['auto', true, false])
  if (options.kvType === 'q8_0' && options.flashAttention === false) {
    throw new TypeError(
      "`kvType: 'q8_0'` needs flash attention: leave `flashAttention` at 'auto' or set it to true",
    )
  }
  ofType('deterministic', options.deterministic, 'boolean')
  ofType('onProgress', options.onProgress, 'function')
  oneOf('logLevel', options.logLevel, LOG_LEVELS)
  ofType('onLog', options.onLog, 'function')
  checkSignal(options.signal)
  // The last: what else is wrong is told of a call that names no model as well.
  const { model } = options
  if (typeof model !== 'string' || model === '') {
    throw new TypeError(
      `Expected \`model\` to be the name of a model or the path of a .gguf file, got ${shown(model)}. ${whichModel(variant)}`,
    )
  }
}
