import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

describe('a public call that fails', () => {
  it('rejects what it returned, and leaves no other promise to end the process', async () => {
    const directory = temporaryDirectory()
    const broken = join(directory, 'broken.gguf')
    writeFileSync(broken, 'GGUF, but no more')
    const child = fileURLToPath(new URL('../support/rejections-child.mjs', import.meta.url))
    const arguments_ = ['--unhandled-rejections=strict', child, join(directory, 'missing.gguf'), broken]
    const { stdout } = await promisify(execFile)(process.execPath, arguments_)
    expect(Number.parseInt(stdout, 10)).toBeGreaterThan(100)
  }, 120_000)
})
