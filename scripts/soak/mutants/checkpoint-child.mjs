// Tries mutants of checkpoints: converts each, and judges a text with what comes of it. `run-mutants.mjs` starts it.
import { cpSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { GenGuard, StreamGuard } from '../../../dist/index.js'
import { convertCheckpoint } from '../../../dist/models/convert/convert.js'
import { answer, failedWriting, outcomeOf } from './answering.mjs'
import { changeCheckpoint } from './checkpoint-mutants.mjs'

const checkpoints = process.env.MUTANTS_CHECKPOINTS
const directory = join(process.env.MUTANTS_DIRECTORY, `${process.pid}`)

await answer(async ({ base, changes, type }) => {
  rmSync(directory, { recursive: true, force: true })
  cpSync(join(checkpoints, base), directory, { recursive: true })
  changeCheckpoint(directory, changes)
  const bytes = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)
  const file = `${directory}.gguf`
  const started = performance.now()
  try {
    await convertCheckpoint(directory, file, { type })
  } catch (error) {
    return { outcome: failedWriting(file, error), bytes, ms: performance.now() - started }
  }
  const ms = performance.now() - started
  return { outcome: await judge(file, base.startsWith('gen')), bytes, ms }
})
rmSync(directory, { recursive: true, force: true })

/** Random weights write no answer: that is an error of its own. */
async function judge(file, gen) {
  let guard
  try {
    guard = await (gen ? GenGuard : StreamGuard).load({
      model: file,
      gpu: false,
      threads: 1,
      maxSequences: 1,
    })
    await (gen ? guard.classify('hi') : guard.classifyPrompt('hi'))
    return 'judged'
  } catch (error) {
    return outcomeOf(error)
  } finally {
    await guard?.close()
    rmSync(file, { force: true })
  }
}
