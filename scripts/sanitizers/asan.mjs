// `npm run test:asan`: the addon, the kernels and llama.cpp with AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer,
// under the tests that face native code. Node itself is not instrumented: the sanitizer's library is preloaded.
// `-- FILE…` runs other tests; `--no-build` takes the addon that is there.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { root, sanitizedBuild } from './build.mjs'
import { findings } from './reports.mjs'

// Not here: what measures memory (the sanitizer keeps what was freed), limits it, or looks into objects of the usual build.
export const TESTS = [
  'test/native/kernels.test.ts',
  'test/native/repack.test.ts',
  'test/native/barrier.test.ts',
  'test/engine',
  'test/binding/addon.test.ts',
  'test/gen/parity.test.ts',
  'test/gen/draft.test.ts',
  'test/stream/parity.test.ts',
  'test/stream/many.test.ts',
  'test/models/convert/convert.test.ts',
  'test/tokenizer/tokenizer.test.ts',
  'test/lifecycle/endings.test.ts',
  'test/lifecycle/rejections.test.ts',
]

const reports = path.join(root, 'build-asan', 'reports')

function environment() {
  const library = execFileSync('c++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim()
  const suppressions = path.join(root, 'scripts', 'sanitizers', 'leaks.txt')
  return {
    LD_PRELOAD: library,
    // The kernels' own checks, those for instructions that this CPU lacks among them, in plain C++.
    QWEN3GUARD_TEST_SANITIZE: 'address,undefined',
    QWEN3GUARD_PREBUILD: path.join(root, 'build-asan'),
    // An error ends the process. A leak does not, since Node has some of its own: the reports say whose it is.
    ASAN_OPTIONS: `log_path=${reports}/asan:abort_on_error=1:exitcode=0:detect_leaks=1:quarantine_size_mb=32:detect_odr_violation=0`,
    LSAN_OPTIONS: `suppressions=${suppressions}:print_suppressions=0`,
    UBSAN_OPTIONS: `log_path=${reports}/ubsan:print_stacktrace=1`,
  }
}

async function main() {
  const words = process.argv.slice(2)
  const asked = words.filter((word) => word !== '--no-build')
  if (!words.includes('--no-build')) await sanitizedBuild('build-asan', 'address,undefined', 'qwen3guard')
  rmSync(reports, { recursive: true, force: true })
  mkdirSync(reports, { recursive: true })
  const vitest = [
    path.join('node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--no-file-parallelism',
    '--testTimeout=600000',
    '--hookTimeout=600000',
    // Weights of NaN end in an assert of llama.cpp (ggml_compute_forward_rms_norm), which releases are compiled without.
    '--testNamePattern=^(?!.*numbers that are not finite)',
    ...(asked.length > 0 ? asked : TESTS),
  ]
  const { status } = spawnSync(process.execPath, vitest, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ...environment() },
  })
  const found = findings(reports)
  for (const text of found) process.stderr.write(`${text}\n\n`)
  const files = asked.length > 0 ? 'the tests that were named' : 'all its tests'
  console.log(`${files} ${status === 0 ? 'passed' : 'failed'}, ${found.length} findings of the sanitizers`)
  process.exitCode = status === 0 && found.length === 0 ? 0 : 1
}

if (import.meta.filename === process.argv[1]) await main()
