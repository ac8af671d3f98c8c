// npm run bench -- kernels: multiply-adds a second of our own kernels by shape, on one thread, beside what the units that they use
// can do and what the memory gives, both measured in the same run. Each is compiled for what it needs.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadBinding } from '../../dist/binding/addon.js'
import { share, table } from '../measure.mjs'
import { compile, findCompiler, KERNELS } from './compile.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
const native = path.join(here, '..', '..', 'native')

/** Longest that a kernel's program may take. */
const LIMIT_MS = 300_000

export function benchKernels({ short }) {
  const compiler = findCompiler()
  if (!compiler) return console.log('not measured: no C++ compiler')
  const { cpu } = loadBinding().instructionSets()
  const folder = mkdtempSync(path.join(os.tmpdir(), 'qwen3guard-kernels-'))
  try {
    const rows = []
    for (const kernel of KERNELS) {
      const missing = kernel.needs.filter((name) => !cpu.includes(name))
      if (missing.length > 0) {
        console.log(`not measured: ${kernel.names.join(', ')} (this CPU lacks ${missing.join(', ')})`)
        continue
      }
      const sources = readdirSync(path.join(native, 'kernels'))
        .filter((file) => file.endsWith('.cc') && file !== 'ggml-buffer.cc')
        .map((file) => path.join(native, 'kernels', file))
      const program = path.join(folder, kernel.names[0])
      compile(compiler, kernel.flags, [path.join(here, 'kernels.cc'), ...sources], program)
      for (const name of kernel.names) rows.push(...measure(program, name, short))
    }
    console.log(
      `${os.cpus()[0]?.model ?? 'unknown CPU'}, one thread${short ? ' (no figures, the bench is tried)' : ''}\n`,
    )
    const figures = [
      'G multiply-adds/s',
      'bound',
      'of the bound',
      'of the unit',
      'weights GB/s',
      'of the memory',
    ]
    table(['kernel', 'rows x length', 'columns', ...figures], rows)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The table's rows of a kernel; none, with a line, where it ends or hangs on this machine. */
export function measure(program, name, short, limit = LIMIT_MS) {
  const words = [name, ...(short ? ['short'] : [])]
  const { status, signal, stdout, stderr, error } = spawnSync(program, words, {
    encoding: 'utf8',
    timeout: limit,
    killSignal: 'SIGKILL',
  })
  if (status !== 0) {
    const why =
      error?.code === 'ETIMEDOUT'
        ? `it did not end within ${limit / 1000} s`
        : signal
          ? `it ended by ${signal}`
          : (error?.message ?? `it ended with exit code ${status}: ${stderr.trim().split('\n').at(-1)}`)
    console.log(`not measured: ${name} (${why})`)
    return []
  }
  const [{ peak, bandwidth }, ...shapes] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  // f16 takes three products of bf16.
  const unit = peak / (name === 'amx-f16-weights' ? 3 : 1)
  console.log(
    `${name}: its unit ${(peak / 1e9).toFixed(0)} G multiply-adds/s, memory ${(bandwidth / 1e9).toFixed(1)} GB/s`,
  )
  return shapes.map(({ rows, length, columns, macs, bytes }) => {
    // Weights that are multiplied again and again lie in a cache: only those of a step are read from memory.
    const bound = columns <= 16 ? Math.min(unit, (bandwidth * macs) / bytes) : unit
    return [
      ...[name, `${rows} x ${length}`, columns, (macs / 1e9).toFixed(0), (bound / 1e9).toFixed(0)],
      ...[share(macs, bound), share(macs, unit), (bytes / 1e9).toFixed(1), share(bytes, bandwidth)],
    ]
  })
}
