import type { Command } from 'commander'
import { modelsDirectory } from '../directories.js'
import { describeGguf } from '../models/gguf/describe.js'
import { readModelHeader } from '../models/gguf/split.js'
import { installedModels, installedProblem } from '../models/installed.js'
import { licenceOf } from '../models/licence.js'
import { removeModel } from '../models/remove.js'
import { resolveModel } from '../models/resolve.js'
import { bytes, table } from './display.js'
import { print } from './standard-streams.js'

/** One line of `qwen3guard models`. */
export interface ListedModel {
  /** What `--model` and `load` take. */
  name: string
  variant: 'gen' | 'stream'
  type: string
  bytes: number
  license: string | null
  path: string
  demonstration: boolean
  /** Why it cannot be loaded, or null. */
  problem: string | null
}

/** The demonstration models and everything that was pulled. */
export async function listModels(): Promise<ListedModel[]> {
  const demonstrations = (['gen', 'stream'] as const).map(async (variant): Promise<ListedModel> => {
    const path = resolveModel('demo', variant)
    const listed = { name: `demo-${variant}`, variant, path, demonstration: true }
    try {
      const { fileType, sizeBytes, license } = describeGguf(await readModelHeader(path))
      return { ...listed, type: fileType, bytes: sizeBytes, license: licenceOf(path, license), problem: null }
    } catch (error) {
      return { ...listed, type: 'unknown', bytes: 0, license: null, problem: (error as Error).message }
    }
  })
  const pulled = installedModels().map((model): ListedModel => {
    const { name, variant, type, bytes, license, path } = model
    return {
      name,
      variant,
      type,
      bytes,
      license,
      path,
      demonstration: false,
      problem: installedProblem(model),
    }
  })
  return [...(await Promise.all(demonstrations)), ...pulled]
}

export function addModels(program: Command): void {
  const models = program
    .command('models')
    .description('list the models on this machine')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExamples:\n  $ qwen3guard models\n  $ qwen3guard models rm qwen3guard-gen-0.6b')
    .action(async (flags: { json?: boolean }) => {
      const models = await listModels()
      const directory = modelsDirectory()
      if (flags.json) {
        await print(`${JSON.stringify({ directory, models })}\n`)
      } else {
        await print(`${table(models.map(row))}\n\nPulled models are in\n${directory}\n`)
      }
    })
  models
    .command('rm')
    .description('delete a model that was pulled')
    .argument('<name>', 'its name, as models lists it')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nThe checkpoint that it was converted from stays in the download cache.')
    .action(async (name: string, _flags: unknown, command: Command) => {
      const { json } = command.optsWithGlobals() as { json?: boolean }
      const model = await removeModel(name)
      const { path } = model
      await print(
        json
          ? `${JSON.stringify({ name: model.name, path, bytes: model.bytes })}\n`
          : `${model.name} is deleted: ${bytes(model.bytes)}, ${path}\n`,
      )
    })
}

function row(model: ListedModel): string[] {
  const { name, variant, type, license, path, demonstration, problem } = model
  const notes = [demonstration ? 'a demonstration model, protects nobody' : '', problem ?? ''].filter(Boolean)
  return [name, variant, type, bytes(model.bytes), license ?? 'licence not stated', path, notes.join('; ')]
}
