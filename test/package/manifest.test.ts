import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

function node(...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' }).trim()
}

describe('the package', () => {
  const program =
    "process.stdout.write([typeof q.GenGuard, typeof q.StreamGuard, q.parseGen('Safety: Unsafe\\nCategories: PII').categories[0]].join())"

  it('is imported by name', () => {
    expect(node('--input-type=module', '-e', `import * as q from 'qwen3guard'; ${program}`)).toBe(
      'function,function,PII',
    )
  })

  it('is required by name', () => {
    expect(node('--no-warnings', '-e', `const q = require('qwen3guard'); ${program}`)).toBe(
      'function,function,PII',
    )
  })

  it('warns once a process that a demonstration model protects nobody', () => {
    const program = `
      import { GenGuard, StreamGuard } from 'qwen3guard'
      const codes = []
      process.on('warning', (warning) => codes.push(warning.code))
      for (const guard of [await GenGuard.load({ model: 'demo' }), await StreamGuard.load({ model: 'demo' })]) await guard.close()
      setImmediate(() => process.stdout.write(codes.join()))`
    expect(node('--no-warnings', '--input-type=module', '-e', program)).toBe('QWEN3GUARD_DEMO')
  })

  it('has demonstration models of at most 12 MB', () => {
    for (const name of ['demo-gen', 'demo-stream']) {
      expect(statSync(path.join(ROOT, 'models', `${name}.gguf`)).size).toBeLessThan(12e6)
    }
  })

  it('ships what a source build and the demonstration need, and no tests', () => {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
    const [packed] = JSON.parse(
      execFileSync(npm, ['pack', '--dry-run', '--json', '--ignore-scripts', '--silent'], {
        cwd: ROOT,
        encoding: 'utf8',
        shell: process.platform === 'win32',
      }),
    )
    const files: string[] = packed.files.map((file: { path: string }) => file.path)
    for (const needed of [
      'dist/index.js',
      'dist/index.d.ts',
      'dist/cli/main.js',
      'models/catalog.json',
      'models/demo-gen.gguf',
      'models/demo-stream.gguf',
      'dist/trials/prove-addon.js',
      'native/addon.cc',
      'native/cpu/CMakeLists.txt',
      'native/cpu/main.cc',
      'native/exports.map',
      'native/flavours.json',
      'native/llama.json',
      'native/patches/0001-qwen3guard-heads.patch',
      'scripts/build-addon.mjs',
      'scripts/build-tools.mjs',
      'scripts/build.mjs',
      'scripts/install.mjs',
      'scripts/llama-source.mjs',
      'scripts/self-test.mjs',
      'CMakeLists.txt',
      'LICENSE',
    ]) {
      expect(files).toContain(needed)
    }
    expect(files.filter((file) => /^(test|bench|lib|scripts\/(train|golden))\//.test(file))).toEqual([])
    // What a package manager would take for a package that must be built, and what no install needs.
    for (const needless of ['binding.gyp', 'scripts/demo.mjs', 'scripts/prebuild.mjs', 'docs/demo.svg']) {
      expect(files).not.toContain(needless)
    }
  })

  it.runIf(process.platform === 'linux')(
    'has an addon that exports its Node-API entry and nothing else',
    () => {
      const symbols = execFileSync('nm', ['-D', '--defined-only', 'build/Release/qwen3guard.node'], {
        cwd: ROOT,
        encoding: 'utf8',
      })
      const names = symbols
        .trim()
        .split('\n')
        .map((line) => line.split(' ').at(-1))
      expect(names.sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1'])
    },
  )
})
