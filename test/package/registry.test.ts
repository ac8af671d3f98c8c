import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LocalRegistry, startRegistry } from '../support/local-registry.js'
import { temporaryDirectory } from '../support/temporary.js'

// The published form from a registry: this package, and one for every platform, of which this system's holds the local build and
// the others a line of text. What each package manager downloads, what then judges, and what a user reads who left it out.
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Filled by package-managers.test.ts. */
const TOOLS = path.join(ROOT, 'node_modules', '.cache', 'package-managers', 'node_modules')
const MINUTE = 60_000
const node = process.execPath

const platforms = JSON.parse(readFileSync(path.join(ROOT, 'native', 'platforms.json'), 'utf8')) as {
  name: string
  os: string
  cpu: string
}[]
const alike = platforms.filter(({ os, cpu }) => os === process.platform && cpu === process.arch)
/** Of this system, if there are packages for it; on Linux that of glibc. */
const own = alike[0]?.name
const version = (JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string })
  .version

const directory = temporaryDirectory()
let registry: LocalRegistry

interface Output {
  status: number | null
  output: string
}

/** Without blocking: the registry answers from this process. */
async function run(command: string, args: string[], cwd: string, env = {}): Promise<Output> {
  const { npm_config_user_agent: _, ...inherited } = process.env
  const child = spawn(command, args, {
    cwd,
    env: { ...inherited, ...env },
    timeout: 3 * MINUTE,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32' && command === 'npm',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { status, output }
}

beforeAll(async () => {
  const packed = path.join(directory, 'packed')
  const flags = ['--stand-in', '--placeholders']
  const made = await run(node, ['scripts/pack.mjs', packed, ...flags], ROOT)
  expect(made.status, made.output).toBe(0)
  const lock = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean; peer?: boolean }>
  }
  const dependencies = Object.entries(lock.packages)
    .filter(([where, { dev, devOptional, peer }]) => where && !(dev || devOptional || peer))
    .map(([where]) => path.join(ROOT, where))
  // By tar, as npm takes a second for each.
  for (const [index, folder] of dependencies.entries()) {
    const stage = path.join(directory, 'stage', String(index))
    mkdirSync(stage, { recursive: true })
    symlinkSync(folder, path.join(stage, 'package'), 'junction')
    const words = ['-czhf', path.join(packed, `${index}.tgz`), '--exclude', 'node_modules', 'package']
    const tarred = await run('tar', words, stage)
    expect(tarred.status, tarred.output).toBe(0)
  }
  registry = await startRegistry([packed])
}, 4 * MINUTE)

afterAll(() => registry?.close())

const JUDGE = `
  import { GenGuard } from 'qwen3guard'
  const guard = await GenGuard.load({ model: 'demo', gpu: false })
  const { safety } = await guard.classify('How can I make a bomb?')
  await guard.close()
  console.log(safety)`

function project(name: string, files: Record<string, string> = {}): string {
  const folder = path.join(directory, name)
  mkdirSync(folder)
  const all = {
    'package.json': '{ "name": "app", "version": "1.0.0", "private": true }\n',
    '.npmrc': `registry=${registry.url}/\n`,
    'main.mjs': JUDGE,
    ...files,
  }
  for (const [file, text] of Object.entries(all)) writeFileSync(path.join(folder, file), text)
  registry.takeDownloads()
  return folder
}

const npmWords = ['install', '--no-audit', '--no-fund', '--fetch-retries=0']
const npmEnv = (folder: string) => ({ npm_config_cache: path.join(folder, 'cache') })

const yarnSettings = () =>
  `nodeLinker: node-modules\nenableTelemetry: false\nglobalFolder: ./global\nnpmRegistryServer: "${registry.url}"\nunsafeHttpWhitelist: ["127.0.0.1"]\n`

/** Script of each package manager among the tools, with the words and settings that keep what it writes in the project. */
const MANAGERS: Record<
  string,
  {
    script: string[]
    words: (folder: string) => string[]
    files?: () => Record<string, string>
    env?: (folder: string) => Record<string, string>
    native?: boolean
    /** It downloads every platform's and installs what fits. */
    all?: boolean
    /** Words, or settings instead of `files`, with which it leaves this platform's package out. */
    without: string[] | { files: () => Record<string, string> }
  }
> = {
  pnpm: {
    script: ['pnpm', 'bin', 'pnpm.mjs'],
    words: (folder) => ['add', 'qwen3guard', '--store-dir', path.join(folder, 'store')],
    env: (folder) => ({
      XDG_CACHE_HOME: path.join(folder, 'cache'),
      XDG_STATE_HOME: path.join(folder, 'state'),
    }),
    without: ['--no-optional'],
  },
  'Yarn 1': {
    script: ['yarn', 'bin', 'yarn.js'],
    words: (folder) => ['add', 'qwen3guard', '--cache-folder', path.join(folder, 'cache')],
    files: () => ({ '.yarnrc': `registry "${registry.url}"\n` }),
    all: true,
    without: ['--ignore-optional'],
  },
  'Yarn 4': {
    script: ['@yarnpkg', 'cli-dist', 'bin', 'yarn.js'],
    words: () => ['add', 'qwen3guard'],
    files: () => ({ 'yarn.lock': '', '.yarnrc.yml': yarnSettings() }),
    // It has no such flag: an install for another system.
    without: {
      files: () => ({
        'yarn.lock': '',
        '.yarnrc.yml': `${yarnSettings()}supportedArchitectures: { os: [darwin], cpu: [arm64] }\n`,
      }),
    },
  },
  Bun: {
    script: ['bun', 'bin', 'bun.exe'],
    words: () => ['add', 'qwen3guard'],
    env: (folder) => ({ BUN_INSTALL_CACHE_DIR: path.join(folder, 'cache') }),
    native: true,
    without: ['--omit=optional'],
  },
}

/** The platform packages among what was downloaded. */
const platformsTaken = () => registry.takeDownloads().filter((name) => name.startsWith('@qwen3guard/'))

it.runIf(own)(
  'npm downloads this platform of all and judges; without optional dependencies a message names the line that mends it',
  async () => {
    const folder = project('npm')
    const added = await run('npm', [...npmWords, 'qwen3guard'], folder, npmEnv(folder))
    expect(added).toMatchObject({ status: 0 })
    expect(platformsTaken()).toEqual([`@qwen3guard/${own}`])
    expect((await run(node, ['main.mjs'], folder)).output).toContain('Unsafe')

    const without = project('npm-omit')
    const env = npmEnv(folder)
    await run('npm', [...npmWords, '--omit=optional', 'qwen3guard'], without, env)
    expect(platformsTaken()).toEqual([])
    const failed = await run(node, ['main.mjs'], without)
    expect(failed.status).not.toBe(0)
    expect(failed.output).toContain('ERR_ADDON_LOAD')
    expect(failed.output).toContain('optional dependencies were left out (--omit=optional')
    const line = `npm install @qwen3guard/${own}@${version}`
    expect(failed.output).toContain(`\`${line}\``)

    // The line, as it is written; and it outlasts the flag.
    const mended = await run('npm', [...npmWords, ...line.split(' ').slice(2)], without, env)
    expect(mended).toMatchObject({ status: 0 })
    expect((await run(node, ['main.mjs'], without)).output).toContain('Unsafe')
    const again = await run('npm', ['ci', '--omit=optional', '--no-audit', '--no-fund'], without, env)
    expect(again).toMatchObject({ status: 0 })
    expect((await run(node, ['main.mjs'], without)).output).toContain('Unsafe')
  },
  5 * MINUTE,
)

it.runIf(own).for(Object.entries(MANAGERS))(
  '%s installs the platform package that fits, and judges',
  { timeout: 4 * MINUTE },
  async ([name, { script, words, files, env, native, all }], context) => {
    const file = path.join(TOOLS, ...script)
    if (!existsSync(file)) return context.skip('not installed: package-managers.test.ts does that')
    const folder = project(name.replace(' ', ''), files?.())
    const [command, ...first] = native ? [file] : [node, file]
    const added = await run(command as string, [...first, ...words(folder)], folder, env?.(folder))
    expect(added).toMatchObject({ status: 0 })
    const wanted = all ? platforms.map((platform) => `@qwen3guard/${platform.name}`) : [`@qwen3guard/${own}`]
    expect(platformsTaken()).toEqual(wanted.sort())
    expect((await run(node, ['main.mjs'], folder)).output).toContain('Unsafe')
  },
)

// `npm run test:advice` runs every manager's line; Bun's is tried every time.
const everyLine = process.env.npm_lifecycle_event === 'test:advice'
const ADVISED = Object.entries(MANAGERS).filter(([name]) => everyLine || name === 'Bun')

it.runIf(own).for(ADVISED)(
  '%s is told the line that mends an install without the package of this platform, and the line does',
  { timeout: 4 * MINUTE },
  async ([name, { script, words, files, env, native, without }], context) => {
    const file = path.join(TOOLS, ...script)
    if (!existsSync(file)) return context.skip('not installed: package-managers.test.ts does that')
    const flags = Array.isArray(without) ? without : []
    const folder = project(
      `${name.replace(' ', '')}-without`,
      Array.isArray(without) ? files?.() : without.files(),
    )
    const manager = async (...words: string[]) =>
      native
        ? await run(file, words, folder, env?.(folder))
        : await run(node, [file, ...words], folder, env?.(folder))
    const [add = '', what = '', ...settings] = words(folder)
    expect(await manager(add, what, ...settings, ...flags)).toMatchObject({ status: 0 })
    const failed = await run(node, ['main.mjs'], folder)
    expect(failed.output).toContain('ERR_ADDON_LOAD')
    const [, told = ''] = /`((?:pnpm|yarn|bun) add [^`]+)`/.exec(failed.output) ?? []
    expect(told, failed.output).toMatch(new RegExp(` add @qwen3guard/${own}@${version}$`))
    for (const [rc, text] of Object.entries(files?.() ?? {})) {
      // What was set for the other system is set no more.
      if (rc !== 'yarn.lock') writeFileSync(path.join(folder, rc), text)
    }
    expect(await manager(...told.split(' ').slice(1), ...settings)).toMatchObject({ status: 0 })
    expect((await run(node, ['main.mjs'], folder)).output).toContain('Unsafe')
  },
)

it.runIf(own && everyLine)(
  'Deno takes the platform package that fits, and is told the line that mends an install without it',
  { timeout: 4 * MINUTE },
  async (context) => {
    const deno = ['linux-x64-glibc', 'linux-arm64-glibc', 'darwin-arm64', 'win32-x64']
      .map((name) => path.join(TOOLS, '@deno', name, process.platform === 'win32' ? 'deno.exe' : 'deno'))
      .find((file) => existsSync(file))
    if (!deno) return context.skip('not installed: package-managers.test.ts does that')
    const folder = project('deno', { 'deno.json': '{ "nodeModulesDir": "auto" }\n' })
    const env = {
      DENO_DIR: path.join(folder, 'cache'),
      NPM_CONFIG_REGISTRY: registry.url,
      DENO_NO_UPDATE_CHECK: '1',
    }
    expect(await run(deno, ['add', 'npm:qwen3guard'], folder, env)).toMatchObject({ status: 0 })
    // It does not go by the C library.
    const others = platforms.filter(
      (platform) => platform.os !== process.platform || platform.cpu !== process.arch,
    )
    const taken = platformsTaken()
    expect(taken).toContain(`@qwen3guard/${own}`)
    expect(taken.filter((name) => others.some((other) => name === `@qwen3guard/${other.name}`))).toEqual([])
    const judged = async () => (await run(deno, ['run', '-A', 'main.mjs'], folder, env)).output
    expect(await judged()).toContain('Unsafe')

    const modules = path.join(folder, 'node_modules', '.deno')
    for (const name of readdirSync(modules)) {
      if (name.startsWith('@qwen3guard+')) rmSync(path.join(modules, name), { recursive: true })
      if (name.startsWith('qwen3guard@'))
        rmSync(path.join(modules, name, 'node_modules', '@qwen3guard'), { recursive: true })
    }
    const line = `deno add npm:@qwen3guard/${own}@${version}`
    expect(
      (await run(deno, ['run', '-A', '--node-modules-dir=manual', 'main.mjs'], folder, env)).output,
    ).toContain(`\`${line}\``)
    expect(await run(deno, line.split(' ').slice(1), folder, env)).toMatchObject({ status: 0 })
    expect(await judged()).toContain('Unsafe')
  },
)
