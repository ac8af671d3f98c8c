import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { GenGuard, ModelFileError, pullModel } from '../../lib/index.js'
import { resolveModel } from '../../lib/models/resolve.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()

beforeAll(() => {
  vi.stubEnv('QWEN3GUARD_HOME', join(directory, 'nothing'))
})

afterAll(() => {
  vi.unstubAllEnvs()
})

describe('a model', () => {
  it.each([
    ['Qwen/Qwen3Guard-Gen-0.6B', 'pull qwen3guard-gen-0.6b'],
    ['Qwen3Guard-Stream-8B', 'pull qwen3guard-stream-8b'],
    ['https://huggingface.co/Qwen/Qwen3Guard-Stream-4B', 'pull qwen3guard-stream-4b'],
    ['somebody/Qwen3Guard-Gen-0.6B-GGUF', 'pull hf:somebody/Qwen3Guard-Gen-0.6B-GGUF/FILE.gguf'],
    ['https://example.com/guard.gguf', 'loading downloads nothing'],
  ])('named as on the hub, %s, comes with the command that fetches it', (name, hint) => {
    expect(() => resolveModel(name, 'gen')).toThrow(ModelFileError)
    expect(() => resolveModel(name, 'gen')).toThrow(hint)
  })

  it.each([
    ['qwen3guard-gen-0.6', 'pull qwen3guard-gen-0.6b'],
    ['qwen3gaurd-gen-4b', 'pull qwen3guard-gen-4b'],
    ['gen-8b', 'pull qwen3guard-gen-8b'],
    ['qwen3guard', 'pull qwen3guard-gen-0.6b'],
    ['./qwen3guard-gen-0.6b-q8_0.gguf', 'pull qwen3guard-gen-0.6b'],
    ['Qwen/Qwen3Guard-Gen-0.6', 'pull qwen3guard-gen-0.6b'],
    ['file:///nowhere/qwen3guard-gen-0.6b.gguf', 'pull qwen3guard-gen-0.6b'],
    ['dmo', "'demo', which is here"],
    ['demo-strem', "'demo-stream', which is here"],
  ])('with a name close to a known one, %s, is told that one', (name, hint) => {
    expect(() => resolveModel(name, 'gen')).toThrow(ModelFileError)
    expect(() => resolveModel(name, 'gen')).toThrow(hint)
  })

  it("is told of the guard's own variant first", () => {
    expect(() => resolveModel('qwen3guard', 'stream')).toThrow('pull qwen3guard-stream-0.6b')
  })

  it('with a name like no other is a path, whose reader says what is there', async () => {
    expect(resolveModel('guard.gguf', 'gen')).toMatch(/guard\.gguf$/)
    await expect(GenGuard.load({ model: 'guard.gguf', gpu: false })).rejects.toThrow(/npx qwen3guard pull/)
  })

  it('to pull with a name close to a known one is told that one', async () => {
    await expect(pullModel('qwen3guard-gen-06')).rejects.toThrow('did you mean qwen3guard-gen-0.6b?')
  })

  it('may be the address of a file here', () => {
    const file = resolveModel('demo-gen', 'gen')
    expect(resolveModel(pathToFileURL(file).href, 'gen')).toBe(file)
    expect(() => resolveModel('file://elsewhere/x.gguf', 'gen')).toThrow(TypeError)
    expect(() => resolveModel('file:./x.gguf', 'gen')).toThrow(/got 'file:\.\/x\.gguf': give '\.\/x\.gguf'/)
  })

  it("in a folder that is called as the hub's repository is that folder", () => {
    const folder = join(directory, 'Qwen', 'Qwen3Guard-Gen-0.6B')
    mkdirSync(folder, { recursive: true })
    expect(resolveModel(folder, 'gen')).toBe(folder)
  })

  it('with a zero byte in its path is refused for that', async () => {
    await expect(GenGuard.load({ model: 'a\0b.gguf' })).rejects.toThrow(/zero byte/)
  })

  it('in a process that loads no addons says what to start it with', async () => {
    const script = "import { GenGuard } from './dist/index.js'; await GenGuard.load({ model: 'demo' })"
    const run = promisify(execFile)(
      process.execPath,
      ['--no-addons', '--input-type=module', '--eval', script],
      { cwd: join(import.meta.dirname, '..', '..') },
    )
    await expect(run).rejects.toThrow(/without --no-addons or, under --permission, with --allow-addons/)
  })
})
