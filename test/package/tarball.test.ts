import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

// The packed package in an empty project, installed without network, compiler and install scripts. In a clone without
// prebuilt binaries the local build stands in for one; `npm run test:prebuild` takes nothing but the real ones.
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const real = process.env.npm_lifecycle_event === 'test:prebuild'
const PLATFORM = `${process.platform}-${process.arch}`

const directory = temporaryDirectory()
let tarball: string
let project: string
/** PATH holds node and nothing else. */
let env: Record<string, string>

beforeAll(() => {
  const words = ['scripts/packed-project.mjs', directory, ...(real ? [] : ['--stand-in'])]
  const output = execFileSync(process.execPath, words, { cwd: ROOT, encoding: 'utf8' })
  ;({ tarball, project, env } = JSON.parse(output))
}, 600_000)

function node(...args: string[]) {
  return spawnSync(process.execPath, ['--no-warnings', ...args], { cwd: project, env, encoding: 'utf8' })
}

function outputOf(file: string, program: string): unknown {
  writeFileSync(path.join(project, file), program)
  const { stdout, stderr, status } = node(file)
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  return JSON.parse(stdout)
}

/** Judges with both demonstration models; a reply is released until the guard stops it. */
const MAIN = `
  async function main() {
    const gen = await GenGuard.load({ model: 'demo' })
    const verdict = await gen.classify('How can I make a bomb?')
    const stream = await StreamGuard.load({ model: 'demo' })
    const events = []
    async function* reply() { yield 'The capital of France'; yield ' is Paris.' }
    for await (const { type } of stream.moderate('What is the capital of France?', reply())) events.push(type)
    await gen.close()
    await stream.close()
    return { gen: [verdict.safety, ...verdict.categories], first: events[0], text: events.includes('text'), last: events.at(-1) }
  }`
const JUDGED = { gen: ['Unsafe', 'Violent'], first: 'prompt', text: true, last: 'end' }

describe('the packed package', () => {
  it('judges in an ES module', () => {
    const program = `import { GenGuard, StreamGuard } from 'qwen3guard'\n${MAIN}\nconsole.log(JSON.stringify(await main()))`
    expect(outputOf('main.mjs', program)).toEqual(JUDGED)
  })

  it('judges in a CommonJS module', () => {
    const program = `const { GenGuard, StreamGuard } = require('qwen3guard')\n${MAIN}\nmain().then((judged) => console.log(JSON.stringify(judged)))`
    expect(outputOf('main.cjs', program)).toEqual(JUDGED)
  })

  it('judges in a worker', () => {
    const program = `
      import { isMainThread, parentPort, Worker } from 'node:worker_threads'
      import { GenGuard, StreamGuard } from 'qwen3guard'
      ${MAIN}
      if (isMainThread) {
        new Worker(new URL(import.meta.url)).on('message', (judged) => console.log(JSON.stringify(judged)))
      } else parentPort.postMessage(await main())`
    expect(outputOf('worker.mjs', program)).toEqual(JUDGED)
  })

  it('has its command line, which finds the prebuilt binary', () => {
    const own = path.join(project, 'node_modules', 'qwen3guard')
    const { stdout, status } = node(path.join(own, 'dist', 'cli', 'main.js'), 'doctor', '--json')
    expect(status).toBe(0)
    const { addon } = JSON.parse(stdout) as { addon: { path: string; flavour: string } }
    expect(addon.path.startsWith(path.join(project, 'node_modules', '@qwen3guard', PLATFORM))).toBe(true)
    expect(addon.flavour).not.toBe(null)
    expect(existsSync(path.join(project, 'node_modules', '.bin', 'qwen3guard'))).toBe(true)
  })

  it('has the licence texts of what its binaries contain', () => {
    const source = pathToFileURL(path.join(ROOT, 'scripts', 'llama-source.mjs')).href
    const program = `import { llamaSource } from ${JSON.stringify(source)}; process.stdout.write(llamaSource())`
    const tree = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    const words = (...file: string[]) =>
      readFileSync(path.join(...file), 'utf8')
        .split(/[\s/]+/)
        .join(' ')
        .trim()
    const shipped = words(project, 'node_modules', 'qwen3guard', 'THIRD-PARTY-LICENSES')
    expect(shipped).toContain(words(tree, 'LICENSE'))
    expect(shipped).toContain(words(ROOT, 'node_modules', 'node-addon-api', 'LICENSE.md'))
    const matrices = words(tree, 'ggml', 'src', 'ggml-cpu', 'llamafile', 'sgemm.cpp')
    const licence = /Copyright 2024 Mozilla.*?IN THE SOFTWARE\./.exec(matrices)?.[0]
    expect(licence).toBeDefined()
    expect(shipped).toContain(licence)
  })

  it('is accepted by publint and attw', () => {
    const own = path.join(project, 'node_modules', 'qwen3guard')
    const tool = (...args: string[]) =>
      execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' })
    expect(tool('node_modules/publint/src/cli.js', own, '--strict', '--pack=false')).toContain('All good')
    const attw = 'node_modules/@arethetypeswrong/cli/dist/index.js'
    expect(tool(attw, tarball)).toContain('No problems found')
  })

  // The last tests: they take the binaries away.
  function withoutBinaries(): string {
    const own = path.join(project, 'node_modules', 'qwen3guard')
    rmSync(path.join(project, 'node_modules', '@qwen3guard'), { recursive: true, force: true })
    return own
  }

  it('without a prebuilt binary and without tools, says at install and at load what was tried and what to do', () => {
    const own = withoutBinaries()
    const install = node(path.join(own, 'scripts', 'install.mjs'))
    expect(install.status).toBe(1)
    const load = node(
      '-e',
      "require('qwen3guard').GenGuard.load({ model: 'demo' }).catch((e) => console.error(e.name, e.message))",
    )
    expect(load.stderr).toContain('AddonLoadError')
    expect(load.stderr).toContain(`\`npm install @qwen3guard/${PLATFORM}@`)
    for (const { stderr } of [install, load]) {
      expect(stderr).toContain(`${PLATFORM}, Node ${process.version}`)
      expect(stderr).toMatch(/tried: .*build.Release.qwen3guard\.node\n +not there\n/)
      expect(stderr).toMatch(/tried: .*prebuilds.*\n +not there\n/)
      expect(stderr).toContain(`tried:  @qwen3guard/${PLATFORM}\n          not installed`)
      expect(stderr).toContain('npx qwen3guard build')
      expect(stderr).not.toContain('    at ')
    }
    // The command that the message names, where install scripts are blocked.
    const build = node(path.join(own, 'dist', 'cli', 'main.js'), 'build')
    expect(build.status).toBe(1)
    expect(build.stderr).toContain('from source, install cmake (3.21 or newer), git')
    expect(install.stderr).toContain('from source, install cmake (3.21 or newer), git')
    expect(install.stderr.match(/^qwen3guard:/gm)).toHaveLength(1)
    if (process.platform === 'linux') expect(install.stderr).toContain('apt-get install -y build-essential')
  })

  // A full build: minutes where nothing is cached.
  it.runIf(real)(
    'without a prebuilt binary, is built from source where there are tools, and judges',
    () => {
      const own = withoutBinaries()
      const words = [path.join(own, 'scripts', 'install.mjs')]
      const { status, stderr } = spawnSync(process.execPath, words, { cwd: own, encoding: 'utf8' })
      expect({ status, stderr }).toMatchObject({ status: 0 })
      expect(stderr).toContain('So it is built from source.')
      const again = [path.join(own, 'dist', 'cli', 'main.js'), 'build']
      expect(spawnSync(process.execPath, again, { cwd: project, encoding: 'utf8' })).toMatchObject({
        status: 0,
      })
      const { stdout } = node(path.join(own, 'dist', 'cli', 'main.js'), 'doctor', '--json')
      expect(JSON.parse(stdout).addon).toMatchObject({ flavour: null, error: null })
      const check = node(path.join(own, 'dist', 'cli', 'main.js'), 'check', 'How can I make a bomb?')
      expect(check.stdout).toContain('Unsafe')
    },
    1_200_000,
  )
})
