import type { Command } from 'commander'
import { checkTooLong, type Fit } from '../batch/fit.js'
import type { LoadedGuard } from '../batch/judge.js'
import { GenGuard, type LoadOptions, StreamGuard } from '../index.js'
import { describeGguf } from '../models/gguf/describe.js'
import { readModelHeader } from '../models/gguf/split.js'
import { resolveModel } from '../models/resolve.js'
import { type LoadFlags, readLoadOptions, withLoadProgress } from './load-options.js'

export { type CheckResult, judge, type LoadedGuard, severityOf } from '../batch/judge.js'

/** Loads the guard that the model file is made for; the demonstration model of Gen unless a flag says. */
export async function loadGuard(
  command: Command,
  flags: LoadFlags & Partial<Fit>,
  signal: AbortSignal,
): Promise<LoadedGuard> {
  const options: LoadOptions = await readLoadOptions(command, flags, signal, 'demo-gen')
  const { model } = options
  const path = resolveModel(model, 'gen')
  const { variant } = describeGguf(await readModelHeader(path, { signal }))
  checkTooLong(variant === 'stream' ? 'stream' : 'gen', flags.tooLong ?? 'error')
  return await withLoadProgress({ ...options, model: path }, async (options) =>
    variant === 'stream'
      ? { kind: 'stream', model, guard: await StreamGuard.load(options) }
      : { kind: 'gen', model, guard: await GenGuard.load(options) },
  )
}
