import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const directory = temporaryDirectory()
const compiler = ['g++', 'clang++', 'c++'].find((name) => spawnSync(name, ['--version']).status === 0)

/** What `npm run build:native` leaves: libraries, and where they were made from. */
const built = path.join(ROOT, 'build-cmake', 'llama.cpp')
const libraries = ['src/libllama.a', ...['', '-cpu', '-base'].map((name) => `ggml/src/libggml${name}.a`)].map(
  (name) => path.join(built, name),
)
const able =
  process.platform === 'linux' &&
  process.arch === 'x64' &&
  compiler !== undefined &&
  libraries.every((file) => existsSync(file)) &&
  // A library for GPUs would ask for its driver's.
  !readdirSync(path.join(built, 'ggml', 'src')).some((name) => /^ggml-(?:vulkan|cuda|metal|hip)$/.test(name))

interface Check {
  type: string
  kernel: string
  worst: number
}

/** The products of a program whose kernels of ours are all there, in plain C++: those for AMX among them. */
function products(): Check[] {
  const source = new URL('../../scripts/llama-source.mjs', import.meta.url).href
  const print = `import { llamaSource } from ${JSON.stringify(source)}; process.stdout.write(llamaSource())`
  const tree = execFileSync(process.execPath, ['--input-type=module', '-e', print], { encoding: 'utf8' })
  const native = path.join(ROOT, 'native')
  const kernels = readdirSync(path.join(native, 'kernels')).filter((name) => name.endsWith('.cc'))
  const sources = [
    path.join(import.meta.dirname, 'kernels-in-ggml.cc'),
    path.join(native, 'core', 'products.cc'),
    ...kernels.map((name) => path.join(native, 'kernels', name)),
  ]
  const folders = [native, ...['include', 'src', 'src/ggml-cpu'].map((name) => path.join(tree, 'ggml', name))]
  const program = path.join(directory, 'products')
  // Before the library's own, which therefore stay out.
  const words = ['-O1', '-std=c++17', '-DQWEN3GUARD_EMULATED', ...folders.map((name) => `-I${name}`)]
  execFileSync(compiler!, [...words, ...sources, ...libraries, '-o', program, '-lpthread', '-ldl'], {
    stdio: 'pipe',
  })
  const lines = execFileSync(program, { encoding: 'utf8' }).trim().split('\n')
  return lines.map((line) => JSON.parse(line))
}

describe.runIf(able)('our kernels as ggml asks them', () => {
  it('multiply Q8_0, f16 and bf16 on a CPU with AMX', () => {
    const checks = products()
    const worst = (type: string, ours: boolean) =>
      checks.find((check) => check.type === type && (check.kernel === 'amx-bf16') === ours)!.worst
    // f16 is exact but for columns in 16 bits and sums in f32; of bf16 columns are rounded as ggml rounds them.
    expect(worst('f16', true)).toBeLessThan(2e-6)
    expect(worst('f16', true)).toBeLessThan(worst('f16', false))
    expect(worst('bf16', true) / worst('bf16', false)).toBeCloseTo(1, 2)
    expect(worst('q8_0', true)).toBeLessThan(1e-3)
    const others = checks.filter(({ type }) => !['q8_0', 'f16', 'bf16'].includes(type))
    expect(others.map(({ kernel }) => kernel)).not.toContain('amx-bf16')
  }, 240_000)
})
