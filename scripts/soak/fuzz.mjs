// libFuzzer with AddressSanitizer over what reads and writes headers and vocabularies in C++ (scripts/soak/native):
// `node scripts/soak/fuzz.mjs [--seconds N] [--seed N]`, the time divided among the fuzzers. It wants clang (Debian: clang-19,
// libclang-rt-19-dev) and a native build. With `--count N`, or without libFuzzer, it replays the seeds and 50 changes of each
// under the compiler that is here. An input that fails is left in build/fuzz.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { llamaSource } from '../llama-source.mjs'
import { writeSeeds } from './native/seeds.mjs'
import { finish, say, soakArguments } from './support/soak.mjs'

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))))
const folder = path.join(root, 'build', 'fuzz')

/** What each is compiled of, llama.cpp's reader with the sanitizer too; the rest of ggml is the native build's. */
const FUZZERS = {
  vocabulary: { sources: ['native/core/vocabulary-check.cc'] },
  header: { sources: ['native/core/gguf-header.cc'], reader: true },
}

const { seconds, count, seed } = soakArguments({ seconds: 60, seed: 1 })

/** ggml as a native build left it, or undefined. */
const ggml = ['build-cmake', 'build/faults/build-cmake']
  .map((tree) => path.join(root, tree, 'llama.cpp', 'ggml', 'src', 'libggml-base.a'))
  .find((file) => existsSync(file))

/** A compiler with libFuzzer, or null. */
function fuzzingCompiler() {
  const program = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
  const words = ['-fsanitize=fuzzer,address', '-x', 'c++', '-', '-o', '/dev/null']
  const able = (name) => spawnSync(name, words, { input: program }).status === 0
  return ['clang++-19', 'clang++-18', 'clang++'].find(able) ?? null
}

function compile(name, compiler) {
  const { sources, reader } = FUZZERS[name]
  const llama = llamaSource()
  const program = path.join(folder, compiler === null ? `${name}-replay` : name)
  const words = [
    ...['-std=c++17', '-g1', '-pthread', '-Inative', `-I${llama}/ggml/include`, `-I${llama}/ggml/src`],
    // A replay lasts a moment: it is to compile fast.
    ...(compiler === null ? ['-O0', '-fsanitize=address'] : ['-O1', '-fsanitize=fuzzer,address,undefined']),
    // llama.cpp reads a type before it looks whether there is such a one.
    ...['-fno-sanitize-recover=undefined', '-fno-sanitize=enum'],
    ...[`scripts/soak/native/${name}.cc`, ...sources],
    ...(compiler === null ? ['scripts/soak/native/replay.cc'] : []),
    ...(reader ? [path.join(llama, 'ggml', 'src', 'gguf.cpp'), ggml] : []),
    ...['-o', program],
  ]
  const { status, stderr } = spawnSync(compiler ?? 'c++', words, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${name} could not be compiled: ${stderr}`)
  return program
}

/** Inputs that were tried; what failed goes to `faults`. */
function fuzz(name, program, seeds, limit) {
  const corpus = path.join(folder, `${name}-corpus`)
  mkdirSync(corpus, { recursive: true })
  const words = [
    ...[`-max_total_time=${limit}`, `-seed=${seed}`, '-timeout=5', '-rss_limit_mb=1024', '-max_len=16384'],
    ...['-print_final_stats=1', `-artifact_prefix=${folder}/${name}-`, corpus, seeds],
  ]
  const { status, stderr } = spawnSync(program, words, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 })
  if (status !== 0) faults.push(`${name} ended with ${status}: ${stderr.slice(-3000)}`)
  return Number(/stat::number_of_executed_units:\s*(\d+)/.exec(stderr)?.[1] ?? 0)
}

function replay(name, program, seeds) {
  const files = readdirSync(seeds).map((file) => path.join(seeds, file))
  const { status, stdout, stderr } = spawnSync(program, files, { cwd: root, encoding: 'utf8' })
  if (status !== 0) faults.push(`${name} ended with ${status}: ${stderr.slice(-3000)}`)
  return Number(stdout)
}

const faults = []
const compiler = count === undefined ? fuzzingCompiler() : null
if (compiler === null && count === undefined)
  say('fuzz: no clang with libFuzzer here: the seeds are replayed')
if (ggml === undefined) say('fuzz: no native build here (npm run build:native): headers are not tried')
mkdirSync(folder, { recursive: true })
const names = Object.keys(FUZZERS).filter((name) => ggml !== undefined || !FUZZERS[name].reader)
const done = names.map((name) => {
  const program = compile(name, compiler)
  const seeds = writeSeeds(name, folder)
  const tried =
    compiler === null
      ? replay(name, program, seeds)
      : fuzz(name, program, seeds, Math.max(1, Math.round(seconds / names.length)))
  say(`fuzz: ${name}: ${tried} inputs`)
  return `${tried} inputs for the ${name}`
})
finish({
  promise:
    'No header or vocabulary, as C++ reads and writes them, makes an error of memory or an undefined one',
  figure: `${done.join(', ')}${compiler === null ? ', replayed' : ', by libFuzzer'}`,
  faults,
  seed,
})
