import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { rolldown } from 'rolldown'
import { beforeAll, describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

const PACKAGE = join(import.meta.dirname, '..', '..')
const DEMO = join(PACKAGE, 'models', 'demo-gen.gguf')
const directory = temporaryDirectory()
const FORMATS = ['esm', 'cjs'] as const

const APPLICATION = `
import { GenGuard } from ${JSON.stringify(join(PACKAGE, 'dist', 'index.js'))}
async function main([model, chatTemplate]) {
  const guard = await GenGuard.load({ model, gpu: false, ...(chatTemplate && { chatTemplate }) })
  console.log((await guard.classify('How can I make a bomb?')).safety)
  await guard.close()
}
main(process.argv.slice(2)).catch((error) => {
  console.log(error.code, error.message)
})
`

/** One that is rendered in a process of its own. */
const ODD_TEMPLATE = 'Safety: Categories: {{ messages[0].content }}{% macro odd() %}{% endmacro %}'

/** A folder with one file for each format, with or without the package beside it. */
const folders = { alone: join(directory, 'a', 'alone'), beside: join(directory, 'b', 'beside') }

beforeAll(async () => {
  const input = join(directory, 'application.mjs')
  writeFileSync(input, APPLICATION)
  for (const folder of Object.values(folders)) mkdirSync(join(folder, 'node_modules'), { recursive: true })
  symlinkSync(PACKAGE, join(folders.beside, 'node_modules', 'qwen3guard'), 'junction')
  for (const format of FORMATS) {
    const bundle = await rolldown({ input, platform: 'node', logLevel: 'silent' })
    const { output } = await bundle.generate({ format, codeSplitting: false })
    expect(output).toHaveLength(1)
    for (const folder of Object.values(folders)) {
      writeFileSync(join(folder, format === 'esm' ? 'out.mjs' : 'out.cjs'), output[0].code)
    }
  }
})

async function run(folder: string, format: 'esm' | 'cjs', args: string[], env: Record<string, string> = {}) {
  const file = format === 'esm' ? 'out.mjs' : 'out.cjs'
  const options = { cwd: folder, env: { ...process.env, ...env } }
  return (await promisify(execFile)(process.execPath, [file, ...args], options)).stdout
}

describe.each(FORMATS)('one %s file', (format) => {
  it('finds the package beside it', async () => {
    expect(await run(folders.beside, format, ['demo'])).toBe('Unsafe\n')
    expect(await run(folders.beside, format, ['demo', ODD_TEMPLATE])).not.toContain('ERR_TEMPLATE')
  })

  it('runs with the addon alone where that is named', async () => {
    const env = { QWEN3GUARD_PREBUILD: PACKAGE }
    expect(await run(folders.alone, format, [DEMO], env)).toBe('Unsafe\n')
    expect(await run(folders.alone, format, [DEMO, ODD_TEMPLATE], env)).toMatch(/ERR_TEMPLATE.*`external`/)
  })

  it('without either says what to set', async () => {
    expect(await run(folders.alone, format, ['demo'])).toMatch(/ERR_MODEL_NOT_FOUND.*`external`/)
    expect(await run(folders.alone, format, [DEMO])).toMatch(
      /ERR_ADDON_LOAD[\s\S]*`external`[\s\S]*QWEN3GUARD_PREBUILD/,
    )
    const message = await run(folders.alone, format, [DEMO])
    for (const setting of [
      /Next: +serverExternalPackages/,
      /webpack: +externals/,
      /esbuild: +--external/,
      /rollup: +external/,
      /Vite: +ssr/,
    ]) {
      expect(message).toMatch(setting)
    }
    // A rebuild would mend nothing.
    expect(message).not.toContain('npx qwen3guard build')
  })
})
