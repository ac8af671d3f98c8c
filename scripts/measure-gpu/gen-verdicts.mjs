// Child: Gen's verdicts, one at a time and many at once. No text is judged twice: only the policy text is in the cache.
import { performance } from 'node:perf_hooks'
import { CONVERSATIONS, numbered, PROMPTS } from '../../bench/gen/texts.mjs'
import { median } from '../../bench/measure.mjs'
import { GenGuard } from '../../dist/index.js'
import { summary } from './stream-table.mjs'
import { genTemplate } from './texts.mjs'

/** Sequences beside those in work: the policy text of either mode is held in one of its own. */
const PINNED = 2
const WARM_UP = 4

let numberOf = 0
const once = (input) => numbered(input, ++numberOf)
const several = (inputs, count) => Array.from({ length: count }, (_, i) => once(inputs[i % inputs.length]))

export async function run({ model, gpu, one, many, rounds }, report) {
  const load = { model, gpu, chatTemplate: genTemplate() }
  const single = await GenGuard.load(load)
  report({ device: single.device })
  for (const [mode, inputs] of [
    ['prompt', PROMPTS],
    ['response', CONVERSATIONS],
  ]) {
    for (const input of several(inputs, WARM_UP)) await single.classify(input)
    const [times, usages] = [[], []]
    for (const input of several(inputs, one)) {
      const started = performance.now()
      const { usage } = await single.classify(input)
      times.push(performance.now() - started)
      usages.push(usage)
    }
    const total = times.reduce((sum, ms) => sum + ms, 0)
    report({ mode, atOnce: 1, n: one, rate: (1000 * one) / total, ms: summary(times), ...used(usages) })
  }
  await single.close()

  const guard = await GenGuard.load({ ...load, maxSequences: many + PINNED })
  const batch = async (count) => {
    const texts = several(PROMPTS, count)
    const usages = []
    const started = performance.now()
    for await (const { usage } of guard.classifyAll(texts, { concurrency: many })) usages.push(usage)
    return { ms: performance.now() - started, usages }
  }
  await batch(many)
  const batches = []
  for (let round = 0; round < rounds; round++) batches.push(await batch(many))
  const ms = summary(batches.map((own) => own.ms))
  const usages = batches.flatMap((own) => own.usages)
  report({
    mode: 'prompt',
    atOnce: many,
    n: many * rounds,
    rate: (1000 * many) / ms.p50,
    ms,
    ...used(usages),
  })
  const long = await batch(4 * many)
  report({
    mode: 'prompt',
    atOnce: many,
    sustained: 4 * many,
    rate: (4000 * many) / long.ms,
    ...used(long.usages),
  })
  await guard.close()
}

const used = (usages) => ({
  promptTokens: median(usages.map(({ promptTokens }) => promptTokens)),
  cachedTokens: median(usages.map(({ cachedTokens }) => cachedTokens)),
  generatedTokens: median(usages.map(({ generatedTokens }) => generatedTokens)),
  passes: usages.reduce((sum, { passes }) => sum + passes, 0) / usages.length,
})
