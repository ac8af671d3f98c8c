// node scripts/soak/checkpoints.mjs [--count N] [--seconds N] [--seed N] [--jobs N]
// Mutants of checkpoints: each is converted, and each that is judges a text. The last line is JSON: promise, figure, ok, seed.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chooseCheckpointChanges } from './mutants/checkpoint-mutants.mjs'
import { FOUND_CHECKPOINTS } from './mutants/found.mjs'
import { runMutants } from './mutants/run-mutants.mjs'
import { flags, progress, report, tellFindings, wrongOutcome } from './mutants/soak.mjs'

const BASE_BYTES = 96 << 20
const CODES = new Set([
  ...[
    'judged',
    'ERR_CHECKPOINT_INVALID',
    'ERR_MODEL_INVALID',
    'ERR_MODEL_KIND',
    'ERR_TEMPLATE',
    'ERR_GEN_FORMAT',
  ],
  ...['ERR_DECODE', 'ERR_TOO_LONG'],
])
const TYPES = ['f32', 'q8_0', 'q4_k_m', 'bf16']
const wrong = wrongOutcome(CODES, BASE_BYTES)
const CHILD = fileURLToPath(new URL('mutants/checkpoint-child.mjs', import.meta.url))
const CHECKPOINTS = fileURLToPath(new URL('../../test/fixtures/checkpoints/', import.meta.url))

const { count, seconds, seed, jobs } = flags({ count: 5000 })
const directory = mkdtempSync(join(os.tmpdir(), 'qwen3guard-checkpoints-'))
const started = Date.now()
try {
  const bases = readdirSync(CHECKPOINTS)
  const mutants = Array.from({ length: count }, (_, index) => {
    const base = bases[index % bases.length]
    const files = readdirSync(join(CHECKPOINTS, base))
    const changes = chooseCheckpointChanges(files, seed, index)
    return { base, index, changes, type: TYPES[(index >> 2) % TYPES.length] }
  })
  const outcomes = new Map()
  let tried = 0
  let longest = 0
  const env = { MUTANTS_DIRECTORY: directory, MUTANTS_CHECKPOINTS: CHECKPOINTS }
  const all = [...FOUND_CHECKPOINTS, ...mutants]
  const findings = await runMutants(CHILD, all, {
    env,
    jobs,
    wrong,
    until: () => Date.now() - started > seconds * 1000,
    onResult: (_mutant, { outcome, ms }) => {
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      longest = Math.max(longest, ms)
      progress(++tried, all.length, outcomes)
    },
  })
  await tellFindings(CHILD, findings, env, wrong)
  const converted = (outcomes.get('judged') ?? 0) + (outcomes.get('ERR_GEN_FORMAT') ?? 0)
  report({
    promise: 'No damage to a checkpoint ends or holds its conversion',
    figure: `${tried} mutants, ${converted} converted and run, ${findings.length} findings; longest ${(longest / 1000).toFixed(1)} s`,
    ok: findings.length === 0,
    seed,
    seconds: Math.round((Date.now() - started) / 1000),
  })
} finally {
  rmSync(directory, { recursive: true, force: true })
}
