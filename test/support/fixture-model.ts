import { mkdtempSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ConvertOptions, convertCheckpoint } from '../../lib/models/convert/convert.js'

const CHECKPOINTS = fileURLToPath(new URL('../fixtures/checkpoints/', import.meta.url))

/** Committed random checkpoints in the official layout; scripts/golden made them. */
export type FixtureName = 'stream-f32-tied' | 'stream-bf16-sharded' | 'gen-f32-tied' | 'gen-f16-untied'

const directory = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-models-'))
const made = new Map<string, Promise<string>>()

/** Path of a GGUF converted from a fixture checkpoint, once a process. */
export function fixtureModel(name: FixtureName, type: ConvertOptions['type'] = 'f32'): Promise<string> {
  const file = path.join(directory, `${name}-${type}.gguf`)
  let making = made.get(file)
  if (!making) {
    making = convertCheckpoint(path.join(CHECKPOINTS, name), file, { type }).then(() => file)
    made.set(file, making)
  }
  return making
}
