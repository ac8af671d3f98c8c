import { execFileSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const copy = temporaryDirectory()

function node(...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' }).trim()
}

/** These scripts and all that they import, of scripts/. `npm install` runs the first, `qwen3guard build` and node-gyp the second. */
function imported(...entries: string[]): string[] {
  const found = new Set(entries)
  for (const file of found) {
    const text = readFileSync(path.join(ROOT, file), 'utf8')
    for (const [, name] of text.matchAll(/from '(\.\/[^']+)'/g)) {
      found.add(path.posix.join(path.posix.dirname(file), name!))
    }
  }
  return [...found].sort()
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
      'CMakeLists.txt',
      'LICENSE',
    ]) {
      expect(files).toContain(needed)
    }
    expect(files.filter((file) => /^(test|bench|lib)\//.test(file))).toEqual([])
    // What a package manager would take for a package that must be built, and what no install needs.
    for (const needless of ['binding.gyp', 'docs/demo.svg']) expect(files).not.toContain(needless)
    const scripts = files.filter((file) => file.startsWith('scripts/'))
    expect(scripts.sort()).toEqual(imported('scripts/install.mjs', 'scripts/build.mjs'))
  })

  it('has nothing in dist of modules that are gone', () => {
    const settings = ['tsconfig.json', 'tsconfig.build.json', 'tsconfig.playground.json']
    for (const file of ['scripts/build-ts.mjs', ...settings, 'package.json']) {
      cpSync(path.join(ROOT, file), path.join(copy, file))
    }
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'), 'junction')
    for (const file of ['lib/index.ts', 'lib/old/module.ts', 'lib/playground/main.ts']) {
      mkdirSync(path.dirname(path.join(copy, file)), { recursive: true })
      writeFileSync(path.join(copy, file), 'export const value = 1\n')
    }
    const built = () => {
      execFileSync(process.execPath, ['scripts/build-ts.mjs'], { cwd: copy })
      return readdirSync(path.join(copy, 'dist')).sort()
    }
    expect(built()).toEqual(['index.d.ts', 'index.js', 'old', 'playground'])
    rmSync(path.join(copy, 'lib', 'old'), { recursive: true })
    expect(built()).toEqual(['index.d.ts', 'index.js', 'playground'])
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
