import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { cli, jsonLines } from '../support/cli.js'
import { writeGguf } from '../support/gguf-writer.js'
import { temporaryDirectory } from '../support/temporary.js'
import { setEntry, tinyModel } from '../support/tiny-model.js'

const directory = temporaryDirectory()
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

describe('inspect', () => {
  const path = join(directory, 'tiny.gguf')
  writeFileSync(path, writeGguf(tinyModel('stream')))

  it('prints one JSON object for a sound file', async () => {
    const { code, stdout } = await cli(['inspect', path, '--json'])
    expect(code).toBe(0)
    const [inspection, ...others] = jsonLines(stdout)
    expect(others).toEqual([])
    expect(inspection).toMatchObject({ path, variant: 'stream', architecture: 'qwen3', problems: [] })
  })

  it('shows people what the file is', async () => {
    const { stdout } = await cli(['inspect', path])
    expect(stdout).toMatch(/variant +stream/)
    expect(stdout).toMatch(/reply risks +Safe, Unsafe, Controversial/)
    expect(stdout).toContain('accepts the file')
  })

  it('exits with 1 and says why for a file that would be refused', async () => {
    const broken = join(directory, 'broken.gguf')
    const model = tinyModel('stream')
    setEntry(model, 'qwen3guard.response.risk_labels', 'string[]', ['Safe', 'Unsafe'])
    writeFileSync(broken, writeGguf(model))
    const { code, stdout } = await cli(['inspect', broken])
    expect(code).toBe(1)
    expect(stdout).toContain('refuses the file')
  })

  it('exits with 1 for a file that is missing or no GGUF', async () => {
    const text = join(directory, 'text.gguf')
    writeFileSync(text, 'not a model')
    for (const [file, error] of [
      [text, 'ERR_MODEL_INVALID'],
      [join(directory, 'nowhere.gguf'), 'ERR_MODEL_NOT_FOUND'],
    ] as const) {
      const { code, stdout, stderr } = await cli(['inspect', file, '--json'])
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toContain(`(${error})`)
    }
  })
})

describe('convert', () => {
  const checkpoint = fileURLToPath(new URL('../fixtures/checkpoints/stream-f32-tied', import.meta.url))

  it('converts a checkpoint and prints one report, for people or as JSON', async () => {
    const out = join(directory, 'converted.gguf')
    const args = ['convert', checkpoint, out, '--type', 'q8_0', '--name', 'a name', '--demonstration']
    const { code, stdout } = await cli([...args, '--json'])
    expect(code).toBe(0)
    const [report, ...others] = jsonLines(stdout) as Record<string, unknown>[]
    expect(others).toEqual([])
    expect(report).toMatchObject({ path: out, variant: 'stream', type: 'q8_0', bytes: statSync(out).size })
    const inspection = JSON.parse((await cli(['inspect', out, '--json'])).stdout) as Record<string, unknown>
    expect(inspection).toMatchObject({ name: 'a name', demonstration: true, problems: [] })
    expect((await cli(args)).stdout).toMatch(/stream, q8_0, \d+ tensors/)
  })

  it('exits with 1 for a directory without a checkpoint, and writes no file', async () => {
    const out = join(directory, 'out.gguf')
    const { code, stdout, stderr } = await cli(['convert', directory, out, '--type', 'f16'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('(ERR_CHECKPOINT_INVALID)')
  })

  it.each([[['convert', 'a', 'b']], [['convert', 'a', 'b', '--type', 'q9']], [['convert', 'a']]])(
    'exits with 2 for %j',
    async (args) => {
      expect((await cli(args)).code).toBe(2)
    },
  )
})

describe('qwen3guard', () => {
  it('prints the version and the help on stdout', async () => {
    expect(await cli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
    for (const command of [
      'check',
      'stream',
      'batch',
      'merge',
      'convert',
      'quantize',
      'inspect',
      'pull',
      'models',
      'doctor',
      'completion',
    ]) {
      const { code, stdout } = await cli([command, '--help'])
      expect(code).toBe(0)
      expect(stdout).toContain(
        `$ qwen3guard ${command}`.replace('$ qwen3guard stream', '| qwen3guard stream'),
      )
    }
  })

  it.each([[[]], [['judge']], [['check', '--model']]])('exits with 2 for %j', async (args) => {
    const { code, stdout, stderr } = await cli(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).not.toBe('')
  })
})

describe('docs/errors.md', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const source = readFileSync(new URL('../../lib/errors.ts', import.meta.url), 'utf8')
  const codesIn = (part: string) => new Set(part.match(/ERR_[A-Z_]+/g))

  it('explains every code of GuardErrorCode, and none that does not exist', () => {
    const union = source.slice(source.indexOf('GuardErrorCode ='), source.indexOf('const BRAND'))
    const [library = ''] = text.split('## On the command line')
    expect(codesIn(library)).toEqual(codesIn(union))
  })
})
