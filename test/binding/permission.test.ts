import { spawnSync } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '')
const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'
/** What any program that imports the package reads. */
const CODE = ['dist', 'node_modules', 'native', 'package.json'].map((name) => path.join(ROOT, name))

const directory = temporaryDirectory()
const program = path.join(directory, 'program.mjs')
writeFileSync(
  program,
  `const { GenGuard } = await import(${JSON.stringify(pathToFileURL(path.join(ROOT, 'dist', 'index.js')).href)})
  const [model] = process.argv.slice(2)
  const said = await GenGuard.load({ model, gpu: false }).then(
    async (guard) => {
      const { safety } = await guard.classify('How can I make a bomb?')
      await guard.close()
      return { safety }
    },
    ({ name, code, message }) => ({ name, code, message }))
  console.log(JSON.stringify(said))`,
)

function load(model: string, read: string[], flags: string[] = [], env = {}): Record<string, string> {
  const reads = [program, ...read].flatMap((place) =>
    // Newer Node versions take a folder for what is in it, older ones want it said.
    /\.\w+$/.test(place) ? [`--allow-fs-read=${place}`] : [`--allow-fs-read=${place}/*`],
  )
  const words = ['--no-warnings', PERMISSION, ...reads, ...flags, program, model]
  const { stdout, stderr } = spawnSync(process.execPath, words, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

describe('under --permission', () => {
  it('without addons the error names the flags', () => {
    const error = load('demo', [...CODE, path.join(ROOT, 'build'), path.join(ROOT, 'models')])
    expect(error).toMatchObject({ name: 'AddonLoadError', code: 'ERR_ADDON_LOAD' })
    expect(error.message).toContain(`--allow-addons --allow-fs-read=${ROOT}`)
  })

  it('without the addon among what may be read the error names the flags', () => {
    const env = { QWEN3GUARD_PREBUILD: path.join(directory, 'elsewhere') }
    const error = load('demo', [...CODE, path.join(ROOT, 'models')], ['--allow-addons'], env)
    expect(error).toMatchObject({ name: 'AddonLoadError', code: 'ERR_ADDON_LOAD' })
    expect(error.message).toContain(`--allow-fs-read=${env.QWEN3GUARD_PREBUILD}`)
  })

  it('without the model among what may be read the error names the flag', () => {
    const model = path.join(directory, 'models', 'guard.gguf')
    const error = load(model, [...CODE, path.join(ROOT, 'build')], ['--allow-addons'])
    expect(error).toMatchObject({ name: 'ModelFileError' })
    expect(error.message).toContain(`--allow-fs-read=${model}`)
  })

  it('nothing of the loader asks for a file but by what takes a refusal for an answer', () => {
    const binding = path.join(ROOT, 'lib', 'binding')
    const asking = readdirSync(binding, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .filter((name) => readFileSync(path.join(binding, name), 'utf8').includes('existsSync('))
    expect(asking).toEqual(['permission.ts'])
  })

  it('judges with the flags that the errors name, and writes nothing', () => {
    const model = path.join(directory, 'guard.gguf')
    copyFileSync(path.join(ROOT, 'models', 'demo-gen.gguf'), model)
    expect(load(model, [ROOT, model], ['--allow-addons'])).toEqual({ safety: 'Unsafe' })
  })
})
