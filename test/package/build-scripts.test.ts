import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PATCHES = path.join(ROOT, 'native', 'patches')
const directory = temporaryDirectory()

/** A folder that begins like a checkout of llama.cpp. */
function userTree(name: string): string {
  const tree = path.join(directory, name)
  mkdirSync(path.join(tree, 'src', 'models'), { recursive: true })
  writeFileSync(path.join(tree, 'src', 'models', 'qwen3.cpp'), '')
  return tree
}

function writeVersion(tree: string, version: number[]): void {
  const lines = ['MAJOR', 'MINOR', 'PATCH'].map((part, i) => `set(LLAMA_VERSION_${part} ${version[i]})\n`)
  writeFileSync(path.join(tree, 'CMakeLists.txt'), lines.join(''))
}

/** Calls one export of scripts/llama-source.mjs in a process of its own; its error's message, or ''. */
function failureOf(call: string, env: Record<string, string> = {}): string {
  const source = pathToFileURL(path.join(ROOT, 'scripts', 'llama-source.mjs')).href
  const program = `import * as m from ${JSON.stringify(source)}; try { ${call} } catch (e) { if (!(e instanceof m.BuildError)) throw e; process.stdout.write(e.message) }`
  return execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
}

describe('the install script', () => {
  it('builds nothing in a clone where npx is to start the command', () => {
    const env = { ...process.env, npm_command: 'exec' }
    const words = [path.join(ROOT, 'scripts', 'install.mjs')]
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', env })
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringContaining('the command of this clone, as it was built'),
    })
  })
})

describe('fetching llama.cpp', () => {
  it('refuses a tarball that does not have the pinned hash, and says both', () => {
    const file = path.join(directory, 'other.tgz')
    writeFileSync(file, 'not the release')
    const message = failureOf(`m.verifyIntegrity(${JSON.stringify(file)}, m.pin.integrity)`)
    expect(message).toContain('pinned hash')
    expect(message).toContain('expected sha512-')
    expect(message).toContain('npx qwen3guard build')
  })

  it('names a patch that does not apply, and what to do', () => {
    const tree = path.join(directory, 'tree')
    mkdirSync(path.join(tree, 'src', 'models'), { recursive: true })
    writeFileSync(path.join(tree, 'src', 'models', 'qwen3.cpp'), '// another release\n')
    const message = failureOf(`m.applyPatches(${JSON.stringify(tree)})`)
    expect(message).toContain('0001-qwen3guard-heads.patch does not apply')
    expect(message).toContain('git checkout -- native')
  })

  it('refuses a LLAMA_CPP_DIR that is no checkout, or one of another release', () => {
    const empty = path.join(directory, 'empty')
    mkdirSync(empty)
    const failure = (tree: string) => failureOf('m.llamaSource()', { LLAMA_CPP_DIR: tree })
    expect(failure(empty)).toContain('is not a llama.cpp checkout')
    const other = userTree('other')
    expect(failure(other)).toContain('unknown release')
    writeVersion(other, [0, 4, 9])
    expect(failure(other)).toContain('is llama.cpp v0.4.9; the patches are made for v0.5.0')
  })

  it('refuses a LLAMA_CPP_DIR that lacks a patch, and names each that is missing', () => {
    const tree = userTree('patched')
    writeVersion(tree, [0, 5, 0])
    const failure = () => failureOf('m.llamaSource()', { LLAMA_CPP_DIR: tree })
    const names = readdirSync(PATCHES).filter((name) => name.endsWith('.patch'))
    for (const name of names) expect(failure()).toContain(`apply ${path.join(PATCHES, name)}`)

    // What the patches leave behind, file by file, as a checkout of the release would have it after them.
    const left = new Map<string, string[]>()
    const patch = (name: string) => {
      let file = ''
      for (const line of readFileSync(path.join(PATCHES, name), 'utf8').split('\n')) {
        if (line.startsWith('+++ b/')) file = line.slice(6)
        else if (line.startsWith('+')) left.set(file, [...(left.get(file) ?? []), line.slice(1)])
      }
    }
    const write = () => {
      for (const [file, lines] of left) {
        mkdirSync(path.dirname(path.join(tree, file)), { recursive: true })
        writeFileSync(path.join(tree, file), lines.join('\n'))
      }
    }
    for (const name of names.slice(0, -1)) patch(name)
    write()
    expect(failure()).toContain(`lacks ${names.at(-1)} (of `)
    expect(failure()).not.toContain('0001-qwen3guard-heads.patch')
    patch(names.at(-1) as string)
    write()
    expect(failure()).toBe('')
    // A function's name is no patch.
    const graph = path.join(tree, 'src', 'models', 'qwen3.cpp')
    writeFileSync(graph, 'void build_guard() {}\n')
    expect(failure()).toContain(
      'lacks 0001-qwen3guard-heads.patch (of 0001-qwen3guard-heads.patch, src/models/',
    )
  })

  it('says what to check when the registry cannot be reached, and leaves nothing half done', () => {
    const cache = path.join(directory, 'cache')
    const message = failureOf('m.llamaSource()', {
      LLAMA_CPP_DIR: '',
      QWEN3GUARD_CACHE: cache,
      npm_config_registry: 'http://127.0.0.1:9',
      npm_config_fetch_retries: '0',
      npm_config_cache: path.join(directory, 'npm'),
    })
    expect(message).toContain('could not be fetched from the npm registry')
    expect(message).toContain('LLAMA_CPP_DIR')
    expect(existsSync(cache) ? readdirSync(cache) : []).toEqual([])
  })
})

/** Path of an addon's file in that folder, with this in it. */
function addonIn(out: string, content: string): string {
  const file = path.join(out, 'build', 'Release', 'qwen3guard.node')
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, content)
  return file
}

interface Outcome {
  status: number | null
  stderr: string
  /** The definitions of each build, in order. */
  builds: Record<string, string>[]
  addon: string | null
}

/**
 * Runs the scripts of a copy of the package, in which cmake-js, CMake's program that asks the CPU, and the trial are stand-ins:
 * they write down what they are asked, and the addon is a file that says which flavour it is.
 */
function buildInCopy(
  name: string,
  {
    cpu,
    dies = [],
    fails = false,
    env = {},
  }: { cpu: string; dies?: string[]; fails?: boolean; env?: Record<string, string> },
): Outcome {
  const copy = path.join(directory, name)
  for (const part of ['scripts', 'native', 'package.json', 'CMakeLists.txt']) {
    cpSync(path.join(ROOT, part), path.join(copy, part), { recursive: true })
  }
  const log = path.join(copy, 'builds.jsonl')
  const tools = path.join(copy, 'node_modules')
  const versions = { 'cmake-js': '8.0.0', 'node-addon-api': '8.9.2' }
  for (const [tool, version] of Object.entries(versions)) {
    mkdirSync(path.join(tools, tool, 'bin'), { recursive: true })
    writeFileSync(path.join(tools, tool, 'package.json'), JSON.stringify({ name: tool, version }))
  }
  writeFileSync(
    path.join(tools, 'cmake-js', 'bin', 'cmake-js'),
    `const fs = require('node:fs')
    if (process.argv[2] === 'build' && ${fails}) process.exit(1)
    if (process.argv[2] === 'build') {
      const words = process.argv.filter((word) => word.startsWith('--CD')).map((word) => word.slice(4).split(/=(.*)/s))
      const values = Object.fromEntries(words.map(([name, value]) => [name, value]))
      fs.appendFileSync(${JSON.stringify(log)}, JSON.stringify(values) + '\\n')
      fs.mkdirSync(values.QWEN3GUARD_OUTPUT, { recursive: true })
      fs.writeFileSync(values.QWEN3GUARD_OUTPUT + '/qwen3guard.node', values.QWEN3GUARD_FLAVOUR)
    }`,
  )
  mkdirSync(path.join(copy, 'dist', 'binding'), { recursive: true })
  writeFileSync(
    path.join(copy, 'dist', 'binding', 'proof.js'),
    `import fs from 'node:fs'
    export const proveAddon = (file) => ({
      fault: ${JSON.stringify(dies)}.includes(fs.readFileSync(file, 'utf8')) ? 'its self-test ended with SIGILL' : null,
      untried: null,
    })`,
  )
  const bin = path.join(copy, 'bin')
  mkdirSync(bin)
  const folder = path.join(copy, 'build-cmake-cpu')
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'cpu-features'), `#!/bin/sh\necho ${cpu}\n`, { mode: 0o755 })
  writeFileSync(path.join(bin, 'cmake'), '#!/bin/sh\necho cmake version 3.25.1\n', { mode: 0o755 })
  const old = addonIn(copy, 'of last week')
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build.mjs', '--gpu', 'none'], {
    cwd: copy,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}`, QWEN3GUARD_CMAKE: '', ...env },
  })
  const builds = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []
  return {
    status,
    stderr,
    builds: builds.map((line) => JSON.parse(line) as Record<string, string>),
    addon: existsSync(old) ? readFileSync(old, 'utf8') : null,
  }
}

describe.runIf(process.platform === 'linux' && process.arch === 'x64')(
  'the flavour of a source build',
  () => {
    const AVX2 = 'ssse3 sse4_1 sse4_2 popcnt avx f16c fma avx2 bmi2'
    const AVX512 = `${AVX2} avx512f avx512dq avx512cd avx512bw avx512vl avx512_vnni`

    it.each([
      ['AVX2', AVX2, 'avx2'],
      ['AVX-VNNI', `${AVX2} avx_vnni`, 'avx-vnni'],
      ['AVX-512', AVX512, 'avx512'],
      ['AMX', `${AVX512} avx512vbmi avx512_bf16 avx_vnni amx_bf16 amx_tile amx_int8`, 'amx'],
    ])('is the fastest of the list that CPU and system allow: %s', (_name, cpu, flavour) => {
      const { status, builds, addon } = buildInCopy(`is-${flavour}`, { cpu })
      expect({ status, addon }).toEqual({ status: 0, addon: flavour })
      expect(builds).toHaveLength(1)
      expect(builds[0]).toMatchObject({ GGML_NATIVE: 'OFF', GGML_AVX2: 'ON', QWEN3GUARD_FLAVOUR: flavour })
      expect(builds[0]!.GGML_AMX_INT8).toBe(flavour === 'amx' ? 'ON' : 'OFF')
      expect(builds[0]!.GGML_AVX_VNNI).toBe(flavour === 'avx-vnni' ? 'ON' : 'OFF')
    })

    it('is the next slower one where the new binary dies in its self-test, with one line that says so', () => {
      const { status, stderr, addon } = buildInCopy('dies', { cpu: AVX512, dies: ['avx512'] })
      expect({ status, addon }).toEqual({ status: 0, addon: 'avx2' })
      expect(stderr.match(/^.*SIGILL.*$/gm)).toEqual([
        'qwen3guard: flavour avx512 cannot be used here (its self-test ended with SIGILL), so avx2 is built',
      ])
    })

    it('leaves no binary where every one dies', () => {
      const { status, stderr, addon } = buildInCopy('all-die', { cpu: AVX2, dies: ['avx2', 'x86-64-v2'] })
      expect({ status, addon }).toEqual({ status: 1, addon: null })
      expect(stderr).toContain('the new addon cannot be used here: its self-test ended with SIGILL')
      expect(stderr).not.toContain('    at ')
    })

    it('leaves no older binary to be loaded as if new where the build fails', () => {
      const { status, stderr, addon } = buildInCopy('fails', { cpu: AVX2, fails: true })
      expect({ status, addon }).toEqual({ status: 1, addon: null })
      expect(stderr).toContain('the native build failed')
    })

    it('is this very CPU with -DGGML_NATIVE=ON, and the one that QWEN3GUARD_CPU names', () => {
      const native = buildInCopy('native', { cpu: AVX2, env: { QWEN3GUARD_CMAKE: '-DGGML_NATIVE=ON' } })
      expect(native.addon).toBe('native')
      expect(native.builds[0]).toMatchObject({ GGML_NATIVE: 'ON' })
      const named = buildInCopy('named', { cpu: AVX512, env: { QWEN3GUARD_CPU: 'avx2' } })
      expect(named.addon).toBe('avx2')
      const unknown = buildInCopy('unknown', { cpu: AVX512, env: { QWEN3GUARD_CPU: 'avx9' } })
      expect(unknown).toMatchObject({ status: 1, addon: 'of last week' })
      expect(unknown.stderr).toContain("(amx, avx512, avx-vnni, avx2, x86-64-v2), got 'avx9'")
    })

    it('is built anew in a checkout that was moved or copied', () => {
      const trees = ['build-cmake', 'build-cmake-cpu']
      const first = buildInCopy('before', { cpu: AVX2 })
      expect(first.status).toBe(0)
      const copy = path.join(directory, 'before')
      for (const tree of trees) {
        mkdirSync(path.join(copy, tree), { recursive: true })
        writeFileSync(
          path.join(copy, tree, 'CMakeCache.txt'),
          `CMAKE_CACHEFILE_DIR:INTERNAL=${path.join(ROOT, tree)}\nCMAKE_HOME_DIRECTORY:INTERNAL=${ROOT}\n`,
        )
      }
      const again = spawnSync(process.execPath, ['scripts/build.mjs', '--gpu', 'none', '--flavour', 'avx2'], {
        cwd: copy,
        encoding: 'utf8',
      })
      expect({ status: again.status, stderr: again.stderr }).toMatchObject({ status: 0 })
      expect(existsSync(path.join(copy, 'build-cmake', 'CMakeCache.txt'))).toBe(false)
    })
  },
)

it.runIf(process.platform === 'linux')('npx inside a clone starts the command, not a build', () => {
  buildInCopy('clone', { cpu: 'ssse3 sse4_1 sse4_2 popcnt' })
  const clone = path.join(directory, 'clone')
  const { name, version, type, bin, scripts } = JSON.parse(
    readFileSync(path.join(clone, 'package.json'), 'utf8'),
  )
  const { install } = scripts
  writeFileSync(
    path.join(clone, 'package.json'),
    JSON.stringify({ name, version, type, bin, scripts: { install }, devDependencies: {} }),
  )
  mkdirSync(path.join(clone, 'lib'))
  mkdirSync(path.join(clone, 'dist', 'cli'))
  writeFileSync(path.join(clone, bin.qwen3guard), `#!/usr/bin/env node\nconsole.log('started')\n`)
  const addon = addonIn(clone, 'as it was built')
  const { stdout, stderr, status } = spawnSync('npx', ['--offline', 'qwen3guard'], {
    cwd: clone,
    encoding: 'utf8',
    env: { ...process.env, npm_config_cache: path.join(directory, 'npx-cache') },
  })
  expect({ stdout, status }, stderr).toEqual({ stdout: 'started\n', status: 0 })
  expect(readFileSync(addon, 'utf8')).toBe('as it was built')
})

describe('the build', () => {
  it('names every missing tool and the command that installs them', () => {
    const out = path.join(directory, 'no-tools')
    const old = addonIn(out, 'of last week')
    const { status, stderr } = spawnSync(process.execPath, ['scripts/build.mjs', '--out', out], {
      cwd: ROOT,
      encoding: 'utf8',
      env: { PATH: directory, CXX: '' },
    })
    expect(status).toBe(1)
    expect(existsSync(old)).toBe(false)
    expect(stderr).toContain('cmake (3.21 or newer), git, a C++17 compiler')
    if (process.platform === 'linux') expect(stderr).toContain('apt-get install -y build-essential cmake git')
    expect(stderr).not.toContain('    at ')
  })
})
