import { execFileSync, spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const directory = temporaryDirectory()
const FLAGS = [
  ...['f', 'cd', 'bw', 'dq', 'vl', 'vnni', 'vbmi'].map((name) => `-mavx512${name}`),
  ...['-mfma', '-mf16c', '-mbmi2', '-mamx-tile', '-mamx-int8'],
]

/** A compiler that knows AMX, and a disassembler: GCC, where the fault is, before others. */
const compiler = ['g++', 'clang++', 'c++'].find(
  (name) => spawnSync(name, [...FLAGS, '-fsyntax-only', '-x', 'c++', '-'], { input: '' }).status === 0,
)
const able =
  process.platform === 'linux' &&
  process.arch === 'x64' &&
  compiler !== undefined &&
  spawnSync('objdump', ['--version']).status === 0

/** Path of the patched llama.cpp that the addon is built from. */
function llamaSource(): string {
  const source = pathToFileURL(path.join(ROOT, 'scripts', 'llama-source.mjs')).href
  const program = `import { llamaSource } from ${JSON.stringify(source)}; process.stdout.write(llamaSource())`
  return execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
}

/** The 64 bytes of a section from `at` on. */
function bytesOf(object: string, section: string, at: number): number[] {
  const words = ['--full-contents', `--section=${section}`, `--start-address=${at}`]
  const dump = execFileSync('objdump', [...words, `--stop-address=${at + 64}`, object], { encoding: 'utf8' })
  const hex = [...dump.matchAll(/^ [0-9a-f]+ ((?:[0-9a-f]{2,8} ){1,4})/gm)].map(([, line]) => line).join('')
  return [...Buffer.from(hex.replaceAll(' ', ''), 'hex')]
}

// GCC's _tile_loadconfig names 8 of the 64 bytes that the instruction reads: on the stack the others are never written,
// and the first product ends the process with SIGILL. Whatever CPU this is, the compiled object shows it.
describe.runIf(able)('the kernels for AMX', () => {
  const kernels = able ? path.join(llamaSource(), 'ggml', 'src') : ''
  const source = path.join(kernels, 'ggml-cpu', 'amx', 'mmq.cpp')
  const folders = [path.join(kernels, '..', 'include'), kernels, path.join(kernels, 'ggml-cpu')]
  const include = folders.map((folder) => `-I${folder}`)

  // Its intrinsic names none, and what was unpacked for it may be stored too late, as any compiler's next release sees fit.
  it.runIf(compiler === 'g++')('say of every load of a tile that it reads memory', () => {
    const text = execFileSync(compiler!, ['-std=c++17', ...FLAGS, ...include, '-E', '-P', source], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    })
    const loads = [...text.matchAll(/__asm__ volatile\s*\(\s*"\{tileloadd\\t[^;]*;/g)].map(([load]) => load)
    expect(loads.length).toBeGreaterThan(10)
    expect(loads.filter((load) => !/:\s*"memory"\s*\);$/.test(load))).toEqual([])
  })

  it.each(['-O2', '-O3'])(
    'configure their tiles from a whole table, compiled with %s',
    (level) => {
      const object = path.join(directory, `mmq${level}.o`)
      execFileSync(compiler!, [level, '-std=c++17', ...FLAGS, ...include, '-c', source, '-o', object])

      const code = execFileSync('objdump', ['--disassemble', '--reloc', '--no-show-raw-insn', object], {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      })
      const loads = [...code.matchAll(/ldtilecfg (.*)\n(?:.*R_X86_64_PC32\s+(\.\S+?)([+-]0x[0-9a-f]+)\n)?/g)]
      expect(loads.length).toBeGreaterThan(0)
      for (const [, operand, section, addend] of loads) {
        // In a section of constants, not on the stack.
        expect(operand).toContain('(%rip)')
        expect(section).toMatch(/^\.(ro)?data/)
        // The addend counts from the end of the instruction's four bytes of address.
        const table = bytesOf(object, section!, Number(addend!.replace('+', '')) + 4)
        const columns = [64, 64, 32, 32, 64, 64, 64, 64].flatMap((bytes) => [bytes, 0])
        const rows = [8, 8, 16, 16, 16, 16, 16, 16]
        const zeros = (count: number) => Array(count).fill(0)
        expect(table).toEqual([1, ...zeros(15), ...columns, ...zeros(16), ...rows, ...zeros(8)])
      }
    },
    120_000,
  )
})
