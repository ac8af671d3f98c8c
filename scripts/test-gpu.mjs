// The tests of engine, Gen, Stream, parity, lifecycle and memory on a GPU: `npm run test:gpu [-- BACKEND]`, Vulkan by
// default. Vulkan takes the first device, a software driver too, which it passes over by itself. `--short`: of each kind
// what a software driver does within minutes.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { fail, root } from './build-addon.mjs'
import { BuildError } from './llama-source.mjs'

/** Beginnings of the names of test files. */
export const TESTS = [
  'gpu/',
  'engine/engine',
  'engine/load-options',
  'engine/prefix-cache',
  'engine/shared-prefix',
  'gen/',
  'stream/',
  'lifecycle/endings',
].map((name) => `test/${name}`)

/** By file, what its tests' names contain. `test/gpu`, of memory and failures among them, is in every run of the tests. */
const SHORT = {
  'test/gen/parity.test.ts': ['the same greedy text', 'log-probabilities at every position', 'in f16 within'],
  'test/stream/parity.test.ts': [
    'at every position of every',
    'several sequences at once',
    'after going back',
  ],
  'test/engine/engine.test.ts': ['go back to an earlier position', 'read at exactly the positions'],
  'test/gen/guard.test.ts': ['judges the reasoning with the answer'],
  'test/stream/guard.test.ts': ['however the reply is cut', 'replies at once', 'goes back to a token'],
  'test/lifecycle/endings.test.ts': ['loading, then exit', 'idle, then terminate', 'decoding, then close'],
}

/** A test that is renamed must not drop out of the list in silence. */
function requireThatAllRan(report) {
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
  for (const [file, names] of Object.entries(SHORT)) {
    const ran = testResults
      .filter(({ name }) => path.relative(root, name).split(path.sep).join('/') === file)
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status === 'passed')
    for (const name of names) {
      if (ran.some(({ fullName }) => fullName.includes(name))) continue
      throw new BuildError(`scripts/test-gpu.mjs: no test of ${file} that passed has "${name}" in its name`)
    }
  }
}

function main(words) {
  const short = words.includes('--short')
  const [gpu = 'vulkan'] = words.filter((word) => word !== '--short')
  if (!existsSync(path.join(root, 'build', 'Release', gpu, 'qwen3guard.node'))) {
    throw new BuildError(`there is no addon with ${gpu}: npm run build -- --gpu ${gpu}`)
  }
  const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const env = { GGML_VK_VISIBLE_DEVICES: '0', ...process.env, QWEN3GUARD_TEST_GPU: gpu }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-test-gpu-'))
  const report = path.join(folder, 'report.json')
  try {
    // A software driver takes minutes for what a GPU does in seconds.
    const options = ['--testTimeout=600000', '--hookTimeout=600000']
    if (short) {
      const pattern = Object.values(SHORT).flat().join('|')
      options.push('-t', pattern, '--reporter=default', '--reporter=json', `--outputFile=${report}`)
    }
    const { status } = spawnSync(
      process.execPath,
      [vitest, 'run', ...options, ...(short ? Object.keys(SHORT) : TESTS)],
      { cwd: root, env, stdio: 'inherit' },
    )
    process.exitCode = status ?? 1
    if (short && status === 0) requireThatAllRan(report)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    main(process.argv.slice(2))
  } catch (error) {
    fail(error)
  }
}
