import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

// The packed package, installed by every package manager that the registry has, and run as ES module and as CommonJS. The
// local build stands in for the prebuilt binaries in a clone that has none.
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Installed once, and kept: they take 200 MB. */
const TOOLS = path.join(ROOT, 'node_modules', '.cache', 'package-managers')
const MANAGERS = ['pnpm@12', 'yarn@1', '@yarnpkg/cli-dist@4', 'bun@1', 'deno@2']
const MINUTE = 60_000

const directory = temporaryDirectory()
let tarball: string
/** Why no manager can be tried; null if they are here. */
let missing: string | null = null
/** The project that npm installed. */
let byNpm: string

interface Output {
  status: number | null
  output: string
}

function run(command: string, args: string[], cwd: string, env: Record<string, string> = {}): Output {
  const { npm_config_user_agent: _, ...own } = process.env
  const child = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: 3 * MINUTE,
    killSignal: 'SIGKILL',
    env: { ...own, ...env },
    shell: process.platform === 'win32' && command === 'npm',
  })
  return { status: child.status, output: `${child.stdout}${child.stderr}` }
}

const node = process.execPath
const tool = (...names: string[]) => path.join(TOOLS, 'node_modules', ...names)

beforeAll(() => {
  mkdirSync(TOOLS, { recursive: true })
  if (!existsSync(path.join(TOOLS, 'package.json')))
    writeFileSync(path.join(TOOLS, 'package.json'), '{ "private": true }\n')
  if (!existsSync(tool('deno', 'package.json'))) {
    const words = [
      'install',
      '--no-audit',
      '--no-fund',
      '--fetch-retries=0',
      '--fetch-timeout=20000',
      ...MANAGERS,
    ]
    const { status, output } = run('npm', words, TOOLS)
    if (status !== 0) missing = `the registry gives no package managers: ${output.slice(-300)}`
  }
  const words = ['scripts/packed-project.mjs', directory, '--stand-in']
  const packed = run(node, words, ROOT)
  expect(packed.status, packed.output).toBe(0)
  ;({ project: byNpm } = JSON.parse(packed.output) as { project: string })
  // One tarball with the binaries in it: no registry has the platform's package.
  const whole = run(node, ['scripts/pack.mjs', path.join(directory, 'whole'), '--whole', '--stand-in'], ROOT)
  expect(whole.status, whole.output).toBe(0)
  tarball = whole.output.trim()
}, 8 * MINUTE)

const JUDGE = `
  const guard = await GenGuard.load({ model: 'demo', gpu: false })
  const { safety } = await guard.classify('How can I make a bomb?')
  await guard.close()
  console.log(safety)`
const PROGRAMS = {
  'main.mjs': `import { GenGuard } from 'qwen3guard'\n${JUDGE}\n`,
  'main.cjs': `const { GenGuard } = require('qwen3guard')\nvoid (async () => {${JUDGE}\n})()\n`,
  'dynamic.cjs': `import('qwen3guard').then(async ({ GenGuard }) => {${JUDGE}\n})\n`,
}

function project(name: string, files: Record<string, string> = {}): string {
  const folder = path.join(directory, name)
  mkdirSync(folder)
  const manifest = '{ "name": "app", "version": "1.0.0", "private": true }\n'
  for (const [file, text] of Object.entries({ 'package.json': manifest, ...PROGRAMS, ...files }))
    writeFileSync(path.join(folder, file), text)
  return folder
}

function expectJudged({ status, output }: Output): void {
  expect({ status, output }).toEqual({ status: 0, output: expect.stringMatching(/^Unsafe$/m) })
}

/** Installs, which must end with 0 and ask for no build, and judges in both kinds of modules. */
function installed(
  folder: string,
  { status, output }: Output,
  programs = ['main.mjs', 'main.cjs'],
  runner = [node],
): void {
  expect({ status, output }).toMatchObject({ status: 0 })
  expect(output).not.toMatch(
    /qwen3guard[^\n]*(build script|install script|must be built)|ignored build scripts[^\n]*qwen3guard/i,
  )
  const [command, ...words] = runner as [string, ...string[]]
  for (const program of programs) expectJudged(run(command, [...words, program], folder))
}

describe('the packed package is installed and judges', () => {
  it(
    'by npm',
    () => {
      for (const [file, text] of Object.entries(PROGRAMS)) writeFileSync(path.join(byNpm, file), text)
      for (const program of Object.keys(PROGRAMS)) expectJudged(run(node, [program], byNpm))
      // What `npm run test:runtimes` does on the others.
      const words = ['scripts/test-runtimes.mjs', '--only', 'this', '--project', byNpm]
      expect(run(node, words, ROOT)).toMatchObject({
        status: 0,
        output: expect.stringMatching(/\| this one \| v[\d.]+ \| passed \|/),
      })
    },
    MINUTE,
  )

  it(
    'by pnpm, which ends with 0',
    (context) => {
      if (missing) context.skip(missing)
      const folder = project('pnpm')
      const words = [
        tool('pnpm', 'bin', 'pnpm.mjs'),
        'add',
        tarball,
        '--store-dir',
        path.join(folder, 'store'),
      ]
      installed(folder, run(node, words, folder))
    },
    4 * MINUTE,
  )

  it(
    'by Yarn 1',
    (context) => {
      if (missing) context.skip(missing)
      const folder = project('yarn1')
      const words = [
        tool('yarn', 'bin', 'yarn.js'),
        'add',
        tarball,
        '--cache-folder',
        path.join(folder, 'cache'),
      ]
      installed(folder, run(node, words, folder))
    },
    4 * MINUTE,
  )

  it.for(['node-modules', 'pnp'])(
    'by Yarn 4 with the %s linker',
    { timeout: 4 * MINUTE },
    (linker, context) => {
      if (missing) context.skip(missing)
      const rc = `nodeLinker: ${linker}\nenableTelemetry: false\nglobalFolder: ./global\n`
      const folder = project(`yarn4-${linker}`, { '.yarnrc.yml': rc, 'yarn.lock': '' })
      const yarn = tool('@yarnpkg', 'cli-dist', 'bin', 'yarn.js')
      const added = run(node, [yarn, 'add', `qwen3guard@file:${tarball}`], folder)
      // Under PnP Yarn's loader does not see what a `require` of an ES module imports (docs/install.md).
      const pnp = linker === 'pnp'
      installed(
        folder,
        added,
        pnp ? ['main.mjs', 'dynamic.cjs'] : undefined,
        pnp ? [node, yarn, 'node'] : undefined,
      )
    },
  )

  it(
    'by Bun, and in Bun',
    (context) => {
      if (missing) context.skip(missing)
      const bun = tool('bun', 'bin', 'bun.exe')
      if (!existsSync(bun)) context.skip('the registry has no Bun for this platform')
      const folder = project('bun')
      const added = run(bun, ['add', tarball], folder, { BUN_INSTALL_CACHE_DIR: path.join(folder, 'cache') })
      installed(folder, added)
      installed(folder, added, undefined, [bun])
    },
    4 * MINUTE,
  )

  it(
    'in Deno, which takes no tarball by its path, from what npm installed',
    (context) => {
      if (missing) context.skip(missing)
      const deno = run(node, ['-p', "require.resolve('deno/package.json')"], TOOLS)
      const binary = ['linux-x64-glibc', 'linux-arm64-glibc', 'darwin-x64', 'darwin-arm64', 'win32-x64']
        .map((name) => tool('@deno', name, process.platform === 'win32' ? 'deno.exe' : 'deno'))
        .find((file) => existsSync(file))
      if (deno.status !== 0 || !binary) return context.skip('the registry has no Deno for this platform')
      const folder = project('deno')
      cpSync(path.join(byNpm, 'node_modules'), path.join(folder, 'node_modules'), { recursive: true })
      writeFileSync(
        path.join(folder, 'package.json'),
        '{ "private": true, "dependencies": { "qwen3guard": "*" } }\n',
      )
      for (const program of ['main.mjs', 'main.cjs'])
        expectJudged(run(binary, ['run', '-A', program], folder))
    },
    4 * MINUTE,
  )
})

describe('TypeScript', () => {
  const SOURCE = `
    import { GenGuard, type GenVerdict, type LoadOptions } from 'qwen3guard'
    import { moderationStream } from 'qwen3guard/web-streams'
    const options: LoadOptions = { model: 'demo' }
    export async function judge(text: string): Promise<GenVerdict> {
      const guard = await GenGuard.load(options)
      void moderationStream
      try { return await guard.classify(text) } finally { await guard.close() }
    }
    // @ts-expect-error no model: never the demonstration by accident
    export const none = () => GenGuard.load({})
    // @ts-expect-error no such option
    export const unknown = () => GenGuard.load({ model: 'demo', contextsize: 1 })\n`

  it.each([
    ['node16, CommonJS', 'judge.cts', ['--module', 'node16']],
    ['node16, ES module', 'judge.mts', ['--module', 'node16']],
    ['nodenext, CommonJS', 'judge.cts', ['--module', 'nodenext']],
    ['nodenext, ES module', 'judge.mts', ['--module', 'nodenext']],
    ['bundler', 'judge.ts', ['--module', 'esnext', '--moduleResolution', 'bundler']],
  ])(
    'finds the types under %s',
    (_name, file, words) => {
      writeFileSync(path.join(byNpm, file), SOURCE)
      const types = path.join(byNpm, 'node_modules', '@types')
      if (!existsSync(types)) symlinkSync(path.join(ROOT, 'node_modules', '@types'), types, 'junction')
      const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
      const strict = ['--noEmit', '--strict', '--ignoreConfig', '--target', 'es2022', '--types', 'node']
      expect(run(node, [tsc, ...strict, ...words, file], byNpm)).toEqual({ status: 0, output: '' })
    },
    MINUTE,
  )
})
