// Loads every .gguf file of a directory and decodes with what loads: node load-child.mjs DIRECTORY.
// Prints "NAME OUTCOME" a file: `decoded`, or the code of the typed error. Anything else ends the process.
import { readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Engine } from '../../dist/engine/engine.js'
import { Model } from '../../dist/engine/model.js'
import { GuardError } from '../../dist/errors.js'

const OPTIONS = {
  contextSize: 64,
  maxSequences: 2,
  cells: 128,
  unified: true,
  maxQueue: 4,
  batchSize: 64,
  maxOutputs: 64,
  prefillTokens: 128,
  offloads: true,
  keeps: true,
  threads: 1,
  kvType: 'f16',
  flashAttention: 'auto',
}

async function use(path) {
  const model = await Model.load(path, { gpu: false })
  const engine = await Engine.create(model, OPTIONS)
  try {
    const sequence = await engine.acquire({ cells: 8 })
    const tokens = Int32Array.from([...model.native.tokenizeSync('the an'), 5, 6].slice(0, 8))
    const read = Int32Array.of(0, tokens.length - 1)
    if (model.description.variant === 'stream') await sequence.decodeHeads(tokens, { read })
    else await sequence.decodeText(tokens, { read, named: Int32Array.of(0, 1) })
  } finally {
    await engine.close()
    model.close()
  }
}

const [directory] = process.argv.slice(2)
for (const name of readdirSync(directory).sort()) {
  if (!name.endsWith('.gguf')) continue
  // Before the load: the last line names the file if the process does not survive.
  writeSync(1, name)
  let outcome = 'decoded'
  try {
    await use(join(directory, name))
  } catch (error) {
    if (!GuardError.isGuardError(error)) throw error
    outcome = error.code
  }
  writeSync(1, ` ${outcome}\n`)
}
