// Compiles the programs of bench/kernels for what each kernel needs, and measures a machine's units.
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const here = path.dirname(fileURLToPath(import.meta.url))

/** By the instructions that they need; the first name of each is that of Q8_0. */
export const KERNELS = [
  {
    names: ['amx-bf16', 'amx-bf16-weights', 'amx-f16-weights'],
    needs: ['avx512f', 'avx512bw', 'avx512_vnni', 'avx512_bf16', 'amx_tile', 'amx_bf16'],
    flags: [...['f', 'bw', 'vnni', 'bf16'].map((x) => `-mavx512${x}`), '-mamx-tile', '-mamx-bf16'],
  },
  {
    names: ['avx512-vnni'],
    needs: ['avx512f', 'avx512bw', 'avx512_vnni'],
    flags: ['f', 'bw', 'vnni'].map((x) => `-mavx512${x}`),
  },
  { names: ['avx-vnni'], needs: ['avx_vnni'], flags: ['-mavx2', '-mavxvnni'] },
  { names: ['avx2'], needs: ['avx2', 'fma', 'f16c'], flags: ['-mavx2'] },
]

export const findCompiler = () =>
  [process.env.CXX, 'g++', 'clang++', 'c++'].find(
    (name) => name && spawnSync(name, ['--version']).status === 0,
  )

export function compile(compiler, flags, sources, program) {
  const native = path.join(here, '..', '..', 'native')
  const words = ['-O3', '-std=c++17', '-mfma', '-mf16c', ...flags, `-I${native}`, ...sources, '-o', program]
  const { status, stderr } = spawnSync(compiler, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${compiler} ${words.join(' ')}\n${stderr}`)
}

/**
 * What the units that a kernel's flavour uses can do, of so many processes at the same time: multiply-adds a second of `bytes`,
 * `floats` (f32) and `brain` (bf16, where the CPU has that), bytes a second of the memory, `bandwidth`; null without a compiler.
 */
export async function measureUnits(kernel, cpu, { processes, short }) {
  const compiler = findCompiler()
  if (!compiler) return null
  const folder = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-units-'))
  try {
    // PyTorch uses it where no flavour of ours does.
    const wide = kernel.flags.includes('-mavx512f') && cpu.includes('avx512_bf16')
    const brain = wide ? ['-mavx512bf16'] : []
    const program = path.join(folder, 'units')
    compile(compiler, [...kernel.flags, ...brain], [path.join(here, 'units.cc')], program)
    const words = short ? ['short'] : []
    const all = Array.from({ length: processes }, () =>
      promisify(execFile)(program, words, { timeout: 60_000 }),
    )
    const measured = (await Promise.all(all)).map(({ stdout }) => JSON.parse(stdout))
    const sum = (key) => measured.reduce((total, one) => total + one[key], 0)
    return Object.fromEntries(Object.keys(measured[0]).map((key) => [key, sum(key)]))
  } catch (error) {
    console.log(`not measured: this machine's units (${error.message.split('\n')[0]})`)
    return null
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
