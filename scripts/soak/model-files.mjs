// node scripts/soak/model-files.mjs [--count N] [--seconds N] [--seed N] [--jobs N]
// Mutants of both demonstration models and of one file of each type of weights: each is inspected and loaded, each that
// loads judges a text, and one in eight is quantized. The last line is JSON: promise, figure, ok, seed.
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CONVERT_TYPES } from '../../dist/models/convert/convert.js'
import { quantizeGguf } from '../../dist/models/convert/quantize.js'
import { FOUND_GGUF } from './mutants/found.mjs'
import { parse } from './mutants/gguf-bytes.mjs'
import { chooseChanges } from './mutants/gguf-choices.mjs'
import { runMutants } from './mutants/run-mutants.mjs'
import { flags, progress, report, tellFindings, wrongOutcome } from './mutants/soak.mjs'

/** Bytes that a mutant may take beside twice its file: a context, and what the program itself lets grow. */
const BASE_BYTES = 96 << 20
const CODES = new Set([
  ...['judged', 'ERR_MODEL_INVALID', 'ERR_MODEL_KIND', 'ERR_MODEL_LOAD', 'ERR_TEMPLATE', 'ERR_DECODE'],
  ...['ERR_GEN_FORMAT', 'ERR_TOO_LONG', 'ERR_MEMORY', 'too short'],
])
const wrong = wrongOutcome(CODES, BASE_BYTES)
const CHILD = fileURLToPath(new URL('mutants/gguf-child.mjs', import.meta.url))

const { count, seconds, seed, jobs } = flags({ count: 10_000 })
const directory = mkdtempSync(join(os.tmpdir(), 'qwen3guard-mutants-'))
const started = Date.now()
try {
  const bases = await makeBases()
  const parsed = new Map(bases.map((base) => [base, parse(readFileSync(join(directory, base)))]))
  const mutants = Array.from({ length: count }, (_, index) => {
    const base = bases[index % bases.length]
    return {
      base,
      index,
      changes: chooseChanges(parsed.get(base), seed, index),
      ...(index % 8 === 7 && { quantize: ['f16', 'q4_0', 'q8_0', 'q4_k_m'][(index >> 3) % 4] }),
    }
  })
  const all = [...bases.map((base) => ({ base, changes: [] })), ...FOUND_GGUF, ...mutants]
  const outcomes = new Map()
  let tried = 0
  let longest = 0
  let largest = 0
  const env = { MUTANTS_DIRECTORY: directory }
  const findings = await runMutants(CHILD, all, {
    env,
    jobs,
    wrong,
    until: () => Date.now() - started > seconds * 1000,
    onResult: (mutant, { outcome, ms, peak, bytes }) => {
      if (mutant.changes.length === 0 && outcome !== 'judged')
        throw new Error(`${mutant.base} itself: ${outcome}`)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      longest = Math.max(longest, ms)
      largest = Math.max(largest, (peak ?? 0) - 2 * bytes)
      progress(++tried, all.length, outcomes)
    },
  })
  await tellFindings(CHILD, findings, env, wrong)
  report({
    promise: 'No damage to a GGUF ends or holds the process: load, judge, inspect, quantize',
    figure: `${tried} mutants, ${outcomes.get('judged') ?? 0} judged a text, ${findings.length} findings; longest ${(longest / 1000).toFixed(1)} s, most memory beside twice the file ${Math.max(0, Math.round(largest / (1 << 20)))} MB`,
    ok: findings.length === 0,
    seed,
    seconds: Math.round((Date.now() - started) / 1000),
  })
} finally {
  rmSync(directory, { recursive: true, force: true })
}

/** The demonstration models, and one file of each type: of both variants where they differ in more than the heads. */
async function makeBases() {
  const at = (name) => join(directory, name)
  const models = new URL('../../models/', import.meta.url)
  for (const variant of ['gen', 'stream']) {
    copyFileSync(fileURLToPath(new URL(`demo-${variant}.gguf`, models)), at(`${variant}-demo.gguf`))
  }
  const made = ['gen-demo.gguf', 'stream-demo.gguf']
  for (const [i, type] of CONVERT_TYPES.entries()) {
    if (type === 'q8_0') continue
    const variant = i % 2 === 0 ? 'gen' : 'stream'
    const float = at(`${variant}-f32.gguf`)
    await quantizeGguf(at(`${variant}-demo.gguf`), float, { type: 'f32' }).catch(() => {})
    const name = `${variant}-${type}.gguf`
    if (type !== 'f32') await quantizeGguf(float, at(name), { type })
    made.push(name)
  }
  return made
}
