// node scripts/soak/pull.mjs [--count N] [--seconds N] [--seed N] [--jobs N]
// Pulls from a hub on this machine that answers wrongly: each ends with the model or with a typed error, leaves nothing half
// written and nothing outside its folder, and an honest hub mends it. The last line is JSON: promise, figure, ok, seed.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FOUND_PULLS } from './mutants/found.mjs'
import { chooseHubFaults } from './mutants/hub-mutants.mjs'
import { runMutants } from './mutants/run-mutants.mjs'
import { flags, progress, report, tellFindings, wrongOutcome } from './mutants/soak.mjs'

/** An answer of the hub's API, as text and as values, and its conversion. */
const BASE_BYTES = 512 << 20
const CODES = new Set([
  ...['pulled', 'ERR_DOWNLOAD', 'ERR_DOWNLOAD_REFUSED', 'ERR_MODEL_HASH', 'ERR_DISK_SPACE'],
  ...['ERR_CHECKPOINT_INVALID', 'ERR_MODEL_INVALID', 'ERR_MODEL_KIND'],
])
const wrong = wrongOutcome(CODES, BASE_BYTES)
const CHILD = fileURLToPath(new URL('mutants/pull-child.mjs', import.meta.url))
const CHECKPOINTS = fileURLToPath(new URL('../../test/fixtures/checkpoints/', import.meta.url))
/** Models that the catalog pins no hashes of, checkpoints that stand for them, and a GGUF of nobody's. */
const PULLS = [
  { model: 'qwen3guard-stream-4b', base: 'stream-bf16-sharded' },
  { model: 'qwen3guard-gen-4b', base: 'gen-f32-tied' },
  { model: 'hf:some/body/model.gguf', base: '../../../models/demo-stream.gguf' },
]

const { count, seconds, seed, jobs } = flags({ count: 3000 })
const directory = mkdtempSync(join(os.tmpdir(), 'qwen3guard-pulls-'))
const started = Date.now()
try {
  const mutants = Array.from({ length: count }, (_, index) => {
    const pull = PULLS[index % PULLS.length]
    const files = pull.base.endsWith('.gguf') ? ['model.gguf'] : readdirSync(join(CHECKPOINTS, pull.base))
    return { ...pull, index, changes: chooseHubFaults(files, seed, index) }
  })
  const outcomes = new Map()
  let tried = 0
  let longest = 0
  const env = { MUTANTS_DIRECTORY: directory, MUTANTS_CHECKPOINTS: CHECKPOINTS }
  const all = [...PULLS.map((pull) => ({ ...pull, changes: [] })), ...FOUND_PULLS, ...mutants]
  const findings = await runMutants(CHILD, all, {
    env,
    jobs,
    wrong,
    until: () => Date.now() - started > seconds * 1000,
    onResult: (mutant, { outcome, ms }) => {
      if (mutant.changes.length === 0 && outcome !== 'pulled') throw new Error(`${mutant.model}: ${outcome}`)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      longest = Math.max(longest, ms)
      progress(++tried, all.length, outcomes)
    },
  })
  await tellFindings(CHILD, findings, env, wrong)
  report({
    promise:
      'No hub that answers wrongly ends or holds a pull, or leaves anything behind that an honest one does not mend',
    figure: `${tried} hubs, ${outcomes.get('pulled') ?? 0} pulled all the same, ${findings.length} findings; longest ${(longest / 1000).toFixed(1)} s`,
    ok: findings.length === 0,
    seed,
    seconds: Math.round((Date.now() - started) / 1000),
  })
} finally {
  rmSync(directory, { recursive: true, force: true })
}
