import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { GenGuard, ModelFileError } from '../../lib/index.js'
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

  it('may be the address of a file here', () => {
    const file = resolveModel('demo-gen', 'gen')
    expect(resolveModel(pathToFileURL(file).href, 'gen')).toBe(file)
    expect(() => resolveModel('file://elsewhere/x.gguf', 'gen')).toThrow(TypeError)
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
