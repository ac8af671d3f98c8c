import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { loadBinding } from '../../lib/binding/addon.js'
import { temporaryDirectory } from '../support/temporary.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const NATIVE = path.join(ROOT, 'native')
const directory = temporaryDirectory()
/** Compilers take their time on a busy machine. */
const LIMIT_MS = 300_000
/** `npm run test:asan` names sanitizers here. */
const SANITIZE = process.env.QWEN3GUARD_TEST_SANITIZE
const OPTIMIZED = SANITIZE ? ['-O1', '-g1', `-fsanitize=${SANITIZE}`, '-fno-sanitize-recover=all'] : ['-O2']
/** Without the sanitizer's library, which is there for Node.js: programs are linked with their own. */
const OWN = { stdio: 'pipe', env: { ...process.env, LD_PRELOAD: '' } } as const
const compiler = ['g++', 'clang++', 'c++'].find((name) => spawnSync(name, ['--version']).status === 0)
const cpu = loadBinding().instructionSets().cpu
const AMX = [
  ...['f', 'bw', 'vl', 'vnni', 'bf16'].map((name) => `-mavx512${name}`),
  ...['-mfma', '-mf16c', '-mamx-tile', '-mamx-bf16'],
]

interface Check {
  kernel: string
  sums: number
  rounding: number
  same: boolean
  within: boolean
}

/** What each kernel compiled with these flags is off by, over so many random shapes. */
function check(name: string, flags: string[], shapes: number): Check[] {
  return run('kernels-check.cc', name, flags, shapes).map((line) => JSON.parse(line))
}

/** How far attention is off, in parts of the largest value that it is made of. */
function attention(name: string, flags: string[], shapes: number): number {
  return JSON.parse(run('attention-check.cc', `attention-${name}`, flags, shapes)[0]!).worst
}

const compiled = new Map<string, string[]>()

/** The kernels compiled with these flags, all but what makes them known to ggml: objects that both checks are linked with. */
function objectsOf(flags: string[]): string[] {
  const key = flags.join(' ')
  const objects = compiled.get(key)
  if (objects) return objects
  const folder = path.join(directory, `objects-${compiled.size}`)
  mkdirSync(folder)
  const sources = readdirSync(path.join(NATIVE, 'kernels'))
    .filter((file) => file.endsWith('.cc') && file !== 'ggml-buffer.cc')
    .map((file) => path.join(NATIVE, 'kernels', file))
  execFileSync(compiler!, [...OPTIMIZED, '-std=c++17', ...flags, `-I${NATIVE}`, '-c', ...sources], {
    ...OWN,
    cwd: folder,
  })
  const made = readdirSync(folder).map((file) => path.join(folder, file))
  compiled.set(key, made)
  return made
}

/** The lines of a check, compiled with the kernels and these flags. */
function run(source: string, name: string, flags: string[], shapes: number): string[] {
  const program = path.join(directory, name)
  const sources = [path.join(import.meta.dirname, source), ...objectsOf(flags)]
  execFileSync(
    compiler!,
    [...OPTIMIZED, '-std=c++17', ...flags, `-I${NATIVE}`, ...sources, '-o', program],
    OWN,
  )
  return execFileSync(program, [String(shapes)], { ...OWN, encoding: 'utf8' })
    .trim()
    .split('\n')
}

/** By the instructions they need; in the order in which a check prints them, but that those for f16 and bf16 come last. */
const REAL = [
  {
    // Ask the system for tiles by themselves.
    kernel: 'amx-bf16',
    more: ['amx-bf16-weights', 'amx-f16-weights'],
    needs: ['avx512f', 'avx512bw', 'avx512_vnni', 'avx512_bf16', 'amx_tile', 'amx_bf16', 'fma', 'f16c'],
    flags: AMX,
  },
  {
    kernel: 'avx512-vnni',
    needs: ['avx512f', 'avx512bw', 'avx512_vnni', 'fma', 'f16c'],
    flags: ['-mavx512f', '-mavx512bw', '-mavx512vnni', '-mfma', '-mf16c'],
  },
  {
    kernel: 'avx-vnni',
    needs: ['avx2', 'fma', 'f16c', 'avx_vnni'],
    flags: ['-mavx2', '-mfma', '-mf16c', '-mavxvnni'],
  },
  { kernel: 'avx2', needs: ['avx2', 'fma', 'f16c'], flags: ['-mavx2', '-mfma', '-mf16c'] },
]
const compiles = (flags: string[]) =>
  compiler !== undefined &&
  spawnSync(compiler, [...flags, '-fsyntax-only', '-x', 'c++', '-'], { input: '' }).status === 0

/** The instructions of a kernel's compiled object. */
function instructions(name: string, flags: string[], level: string): string {
  const object = path.join(directory, `${name}${level}.o`)
  const source = path.join(NATIVE, 'kernels', `${name}.cc`)
  execFileSync(compiler!, [level, '-std=c++17', ...flags, `-I${NATIVE}`, '-c', source, '-o', object], {
    stdio: 'pipe',
  })
  return execFileSync('objdump', ['--disassemble', '--no-show-raw-insn', object], { encoding: 'utf8' })
}

function expectExact({ sums, rounding, same, within }: Check) {
  // At most what f32 sums of so many terms can be off, and what rounding the columns can change: proven bounds. And not so far
  // below them that they hold for anything.
  expect(sums).toBeLessThanOrEqual(1)
  expect(sums).toBeGreaterThan(0.01)
  expect(rounding).toBeLessThanOrEqual(1)
  expect(rounding).toBeGreaterThan(0.01)
  expect({ same, within }).toEqual({ same: true, within: true })
}

describe.runIf(compiler !== undefined && process.platform !== 'win32')('the kernels of our own', () => {
  it(
    'multiply as double precision does, all of them, in plain C++',
    () => {
      const checks = check('emulated', ['-DQWEN3GUARD_EMULATED'], 12)
      expect(checks.map(({ kernel }) => kernel)).toEqual([
        ...REAL.map(({ kernel }) => kernel),
        ...REAL.flatMap(({ more = [] }) => more),
      ])
      for (const one of checks) expectExact(one)
    },
    LIMIT_MS,
  )

  // The sums of f32 over a thousand cells and 128 values, and an exponential within two units in the last place.
  it(
    'attend as double precision does, in plain C++',
    () => {
      expect(attention('emulated', ['-DQWEN3GUARD_EMULATED'], 24)).toBeLessThan(2e-6)
    },
    LIMIT_MS,
  )

  for (const { kernel, more = [], needs, flags } of REAL) {
    const able = needs.every((name) => cpu.includes(name)) && compiles(flags)
    it.runIf(able)(
      `multiply as double precision does with this CPU's instructions: ${kernel}`,
      () => {
        const checks = check(kernel, flags, 40)
        expect(checks.map((one) => one.kernel)).toEqual(expect.arrayContaining([kernel, ...more]))
        for (const one of checks) expectExact(one)
        expect(attention(kernel, flags, 40)).toBeLessThan(2e-6)
      },
      LIMIT_MS,
    )
  }

  // On any CPU: what the flavour for AMX has in it.
  it.runIf(compiles(AMX) && spawnSync('objdump', ['--version']).status === 0)(
    'for AMX multiply bf16 by tiles, and leave the tiles as they were configured',
    () => {
      const all = ['amx', 'amx-halves'].map((name) => instructions(name, AMX, '-O3'))
      const products = all.map((code) => [...code.matchAll(/\btdpbf16ps\s/g)].length)
      // Of one and two tiles of columns; of f16 three products for each one of bf16.
      expect(products[0]).toBeGreaterThanOrEqual(6)
      expect(products[1]).toBeGreaterThanOrEqual(24)
      for (const code of all) {
        for (const name of ['sttilecfg', 'ldtilecfg']) expect(code).toContain(name)
      }
    },
    LIMIT_MS,
  )
})
