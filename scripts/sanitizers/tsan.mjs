// `npm run test:tsan`: the engine's queue, close, cancel and log under ThreadSanitizer, many threads over a stub of llama.cpp
// (test/native/engine-races.cc). With `--decode` over the real one, compiled with the sanitizer as well, on a demonstration
// model (test/native/decode-races.cc): that build takes minutes. `-- --seconds N --seed N --sanitize WORDS`; prints what was
// done as JSON.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { llamaSource } from '../llama-source.mjs'
import { log, root, sanitizedBuild } from './build.mjs'

/** Of native/core: what neither reads nor writes files, nor computes. */
const CORE = [
  'context',
  'device',
  'alone',
  'engine',
  'kv-reuse',
  'log',
  'logits',
  'mapped-files',
  'model',
  'prefix-cache',
  'process-exit',
  'results',
  'scheduler',
]

function compile(sanitize) {
  const folder = path.join(root, 'build-tsan', sanitize.replace(',', '-'))
  mkdirSync(folder, { recursive: true })
  const llama = llamaSource(log)
  const flags = ['-std=c++17', '-O1', '-g', '-fno-omit-frame-pointer', `-fsanitize=${sanitize}`]
  const includes = ['native', `${llama}/include`, `${llama}/ggml/include`].map((name) => `-I${name}`)
  const compiler = spawnSync('ccache', ['--version']).status === 0 ? ['ccache', 'c++'] : ['c++']
  const sources = [
    ...CORE.map((name) => `native/core/${name}.cc`),
    'test/native/stub-llama.cc',
    'test/native/engine-races.cc',
  ]
  const objects = sources.map((source) => {
    const object = path.join(folder, `${path.basename(source)}.o`)
    const [command, ...words] = [...compiler, ...flags, ...includes, '-c', source, '-o', object]
    execFileSync(command, words, { cwd: root, stdio: ['ignore', 2, 2] })
    return object
  })
  const program = path.join(folder, 'engine-races')
  execFileSync('c++', [...flags, ...objects, '-o', program, '-pthread'], { stdio: ['ignore', 2, 2] })
  return [program]
}

async function compileWhole(sanitize) {
  const tree = await sanitizedBuild(`build-tsan/real-${sanitize.replace(',', '-')}`, sanitize, 'decode-races')
  return [path.join(tree, 'decode-races'), path.join(root, 'models', 'demo-stream.gguf')]
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    sanitize: { type: 'string', default: 'thread' },
    decode: { type: 'boolean', default: false },
  },
})
log(`test:tsan: -fsanitize=${values.sanitize}, seed ${values.seed}`)
const [program, ...model] = await (values.decode ? compileWhole : compile)(values.sanitize)
const { status, signal } = spawnSync(program, [...model, values.seconds, values.seed], {
  stdio: ['ignore', 'inherit', 'inherit'],
  env: {
    ...process.env,
    TSAN_OPTIONS: 'halt_on_error=1',
    ASAN_OPTIONS: 'detect_leaks=1',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  },
})
if (status !== 0) log(`test:tsan: ended with ${signal ?? status}`)
process.exitCode = status === 0 ? 0 : 1
