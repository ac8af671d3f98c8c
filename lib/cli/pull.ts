import type { Command } from 'commander'
import { catalog } from '../models/catalog.js'
import type { ConvertType } from '../models/convert/convert.js'
import { type PulledModel, pullModel } from '../models/hub/pull.js'
import type { PullProgress } from '../models/hub/pull-options.js'
import { DEFAULT_TYPE } from '../models/installed.js'
import { bytes, count } from './display.js'
import type { Run } from './exit.js'
import { inFlags } from './flag-names.js'
import { type Progress, startProgress } from './progress.js'
import { print } from './standard-streams.js'
import { typeOption } from './type-option.js'

interface PullFlags {
  type?: ConvertType
  deleteCheckpoint?: boolean
  json?: boolean
}

const LABELS = {
  wait: 'waiting for another pull',
  download: 'downloading',
  verify: 'verifying',
  convert: 'converting',
}

/** Short enough to follow the line, long enough to be calm. */
const RATE_WINDOW_MS = 5000

function help(): string {
  const rows = catalog().map(({ name, downloadBytes, memoryMiB }) => {
    const memory = `${((memoryMiB[DEFAULT_TYPE] ?? 0) / 1024).toFixed(1)} GiB`
    return `  ${name.padEnd(24)} ${bytes(downloadBytes).padStart(10)}   ${memory.padStart(9)}`
  })
  return `
Names, with about what they download and what a guard then takes in memory with default options (${DEFAULT_TYPE}):
${rows.join('\n')}
Or hf:OWNER/REPO/FILE.gguf for a Gen model that somebody has converted: it is checked and taken as it is.

The checkpoint stays in the Hugging Face cache (HF_HOME, HF_HUB_CACHE). QWEN3GUARD_HOME names a directory for it and
the models instead. HF_ENDPOINT names a mirror, HF_TOKEN an access token.

Example:
  $ qwen3guard pull qwen3guard-gen-0.6b`
}

export function addPull(program: Command, run: Run): void {
  program
    .command('pull')
    .description('download an official model, verify it, and convert it to GGUF')
    .argument('<name>', 'name of a model')
    .addOption(typeOption(`type of the weights (default: ${DEFAULT_TYPE})`))
    .option('--delete-checkpoint', 'remove the downloaded checkpoint once it is converted')
    .option('--json', 'print one JSON object')
    .addHelpText('after', help)
    .action(async (name: string, flags: PullFlags, command: Command) => {
      const display = new PullDisplay()
      let model: PulledModel
      try {
        model = await pullModel(name, {
          type: flags.type,
          deleteCheckpoint: flags.deleteCheckpoint,
          onProgress: (progress) => display.update(progress),
          signal: run.signal,
        })
      } catch (error) {
        // A name, a type or a setting that cannot be one.
        if (error instanceof TypeError) command.error(`error: ${inFlags(error.message)}`)
        throw error
      } finally {
        display.stop()
      }
      await print(`${flags.json ? JSON.stringify(model) : describe(model)}\n`)
    })
}

function describe(model: PulledModel): string {
  const { name, variant, type, parameters, license, path, checkpoint } = model
  const lines = [
    `${name}: ${variant}, ${type}, ${count(parameters)} parameters, ${bytes(model.bytes)}, licence ${license ?? 'not stated'}`,
    `${model.alreadyInstalled ? 'was here already, unchanged' : 'verified'}: ${path}`,
  ]
  if (checkpoint) lines.push(`the checkpoint stays at ${checkpoint}`)
  return lines.join('\n')
}

/** One bar a stage, with the rate and the time left. */
class PullDisplay {
  #stage: PullProgress['stage'] | null = null
  #bar: Progress | null = null
  #samples: { at: number; done: number }[] = []

  update({ stage, done, total }: PullProgress): void {
    if (stage !== this.#stage) {
      this.stop()
      this.#stage = stage
      this.#samples = []
      this.#bar = startProgress(LABELS[stage], stage === 'wait' ? null : total)
      if (stage === 'wait') process.stderr.write(`${LABELS.wait}\n`)
    }
    const now = performance.now()
    this.#samples.push({ at: now, done })
    while (this.#samples.length > 2 && now - this.#samples[0]!.at > RATE_WINDOW_MS) this.#samples.shift()
    this.#bar?.update(done, this.#note(done, total))
  }

  stop(): void {
    this.#bar?.stop()
    this.#bar = null
    this.#stage = null
  }

  #note(done: number, total: number): string {
    const first = this.#samples[0]!
    const last = this.#samples.at(-1)!
    const rate = (1000 * (last.done - first.done)) / Math.max(1, last.at - first.at)
    const left = rate > 0 ? `, ${duration((total - done) / rate)} left` : ''
    return `${bytes(done)} of ${bytes(total)}, ${bytes(rate)}/s${left}`
  }
}

/** `4000` as `1 h 7 min`. */
function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}
