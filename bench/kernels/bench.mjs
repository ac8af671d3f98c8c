// npm run bench -- kernels: multiply-adds a second of our own kernels for Q8_0 by shape, on one thread, beside what the units that
// they use can do and what the memory gives, both measured in the same run. Each is compiled for what it needs.
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { loadBinding } from '../../dist/binding/addon.js'
import { table } from '../measure.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
const native = path.join(here, '..', '..', 'native')

export const KERNELS = [
  {
    name: 'amx-bf16',
    needs: ['avx512f', 'avx512bw', 'avx512_vnni', 'avx512_bf16', 'amx_tile', 'amx_bf16'],
    flags: [...['f', 'bw', 'vnni', 'bf16'].map((x) => `-mavx512${x}`), '-mamx-tile', '-mamx-bf16'],
  },
  {
    name: 'avx512-vnni',
    needs: ['avx512f', 'avx512bw', 'avx512_vnni'],
    flags: ['f', 'bw', 'vnni'].map((x) => `-mavx512${x}`),
  },
  { name: 'avx-vnni', needs: ['avx_vnni'], flags: ['-mavx2', '-mavxvnni'] },
  { name: 'avx2', needs: ['avx2', 'fma', 'f16c'], flags: ['-mavx2'] },
]

export function benchKernels({ short }) {
  const compiler = findCompiler()
  if (!compiler) return console.log('not measured: no C++ compiler')
  const { cpu } = loadBinding().instructionSets()
  const folder = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-kernels-'))
  try {
    const rows = []
    for (const kernel of KERNELS) {
      const missing = kernel.needs.filter((name) => !cpu.includes(name))
      if (missing.length > 0)
        console.log(`not measured: ${kernel.name} (this CPU lacks ${missing.join(', ')})`)
      else rows.push(...measure(kernel, compiler, folder, short))
    }
    console.log(
      `${os.cpus()[0]?.model ?? 'unknown CPU'}, one thread${short ? ' (no figures, the bench is tried)' : ''}\n`,
    )
    table(
      [
        'kernel',
        'rows x length',
        'columns',
        'G multiply-adds/s',
        'of the unit',
        'weights GB/s',
        'of the memory',
      ],
      rows,
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const findCompiler = () =>
  [process.env.CXX, 'g++', 'clang++', 'c++'].find(
    (name) => name && spawnSync(name, ['--version']).status === 0,
  )

/**
 * Multiply-adds a second of a kernel's unit and bytes a second of the memory, of so many processes at the same time; null without
 * a compiler.
 */
export async function measureUnit(kernel, processes) {
  const compiler = findCompiler()
  if (!compiler) return null
  const folder = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-unit-'))
  try {
    const program = compile(kernel, compiler, folder)
    const all = Array.from({ length: processes }, () => promisify(execFile)(program, [kernel.name, 'unit']))
    const measured = (await Promise.all(all)).map(({ stdout }) => JSON.parse(stdout))
    const sum = (key) => measured.reduce((total, one) => total + one[key], 0)
    return { peak: sum('peak'), bandwidth: sum('bandwidth') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function compile({ name, flags }, compiler, folder) {
  const program = path.join(folder, name)
  const sources = readdirSync(path.join(native, 'kernels'))
    .filter((file) => file.endsWith('.cc') && file !== 'ggml-buffer.cc')
    .map((file) => path.join(native, 'kernels', file))
  const words = ['-O3', '-std=c++17', '-mfma', '-mf16c', ...flags, `-I${native}`]
  run(compiler, [...words, path.join(here, 'kernels.cc'), ...sources, '-o', program])
  return program
}

function measure(kernel, compiler, folder, short) {
  const { name } = kernel
  const program = compile(kernel, compiler, folder)
  const lines = run(program, [name, ...(short ? ['short'] : [])])
    .trim()
    .split('\n')
  const [{ peak, bandwidth }, ...shapes] = lines.map((line) => JSON.parse(line))
  const share = (part, whole) => `${((100 * part) / whole).toFixed(0)} %`
  console.log(
    `${name}: its unit ${(peak / 1e9).toFixed(0)} G multiply-adds/s, memory ${(bandwidth / 1e9).toFixed(1)} GB/s`,
  )
  return shapes.map(({ rows, length, columns, macs, bytes }) => [
    ...[name, `${rows} x ${length}`, columns, (macs / 1e9).toFixed(0), share(macs, peak)],
    ...[(bytes / 1e9).toFixed(1), share(bytes, bandwidth)],
  ])
}

function run(command, words) {
  const { status, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8' })
  if (status === 0) return stdout
  throw new Error(`${command} ${words.join(' ')}\n${stderr}`)
}
