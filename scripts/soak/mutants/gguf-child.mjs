// Tries mutants of GGUF files: inspects, loads, judges and quantizes each. `run-mutants.mjs` starts it.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspectGguf } from '../../../dist/cli/inspection.js'
import { GenGuard, StreamGuard } from '../../../dist/index.js'
import { quantizeGguf } from '../../../dist/models/convert/quantize.js'
import { answer, failedWriting, outcomeOf } from './answering.mjs'
import { parse } from './gguf-bytes.mjs'
import { applyChanges } from './gguf-mutants.mjs'

const directory = process.env.MUTANTS_DIRECTORY
const bases = new Map()
const OPTIONS = { gpu: false, threads: 1, maxSequences: 1, contextSize: 1024 }

function base(name) {
  if (!bases.has(name)) bases.set(name, parse(readFileSync(join(directory, name))))
  return bases.get(name)
}

await answer(async ({ base: name, changes, quantize }) => {
  const file = join(directory, `mutant-${process.pid}.gguf`)
  const bytes = applyChanges(base(name), changes)
  writeFileSync(file, bytes)
  try {
    const outcomes = []
    let ms = 0
    const steps = [() => inspect(file), () => judge(file, name.startsWith('gen'))]
    if (quantize) steps.push(() => quantized(file, quantize))
    for (const step of steps) {
      const started = performance.now()
      outcomes.push(await step())
      ms = Math.max(ms, performance.now() - started)
    }
    const untyped = outcomes.find((outcome) => outcome.startsWith('untyped'))
    return { outcome: untyped ?? outcomes[1], bytes: bytes.length, ms }
  } finally {
    rmSync(file, { force: true })
  }
})

async function inspect(file) {
  try {
    JSON.stringify(await inspectGguf(file))
    return 'inspected'
  } catch (error) {
    return outcomeOf(error)
  }
}

async function judge(file, gen) {
  let guard
  try {
    guard = await (gen ? GenGuard : StreamGuard).load({ ...OPTIONS, model: file })
    if (gen) await guard.classify('How do I bake bread, quickly?')
    else {
      await guard.classifyPrompt('How do I bake bread?')
      const moderation = await guard.open('Hi')
      try {
        await moderation.push('You take flour, and ')
        await moderation.push('water. \u{1F35E}')
        await moderation.end()
      } finally {
        await moderation.close()
      }
    }
    return 'judged'
  } catch (error) {
    // The option above is more than the mutant says it was trained for: that is the caller's error, and says so.
    return /^contextSize is 1024, the model was trained for/.test(error?.message)
      ? 'too short'
      : outcomeOf(error)
  } finally {
    await guard?.close()
  }
}

/** Says of some sound files that they have that type already, or would become larger: a RangeError. */
async function quantized(file, type) {
  const out = `${file}.out`
  try {
    await quantizeGguf(file, out, { type })
    return 'quantized'
  } catch (error) {
    const outcome = failedWriting(out, error)
    return error instanceof RangeError && !outcome.includes('leaves') ? 'quantized' : outcome
  } finally {
    rmSync(out, { force: true })
  }
}
