import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

// Every bench and every measurement in its short form, whose figures mean nothing: it shows that the command works. What is not
// here (node-llama-cpp, the libraries of a native build) is left out, with a line that says so.
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What `npm run build:native` leaves, which the plain C++ loop of the benches is linked with. */
const hasLibraries = existsSync(path.join(ROOT, 'build-cmake', 'llama.cpp', 'src'))
const LIMIT_MS = 300_000

async function outputOf(...words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: ROOT, maxBuffer: 1 << 26 })
  return stdout
}

/** The table's lines below its head, of every table. */
function rows(output: string): string[] {
  return output.split('\n').filter((line, at, all) => line.startsWith('|') && all.slice(0, at).some(isRule))
}

const isRule = (line: string) => /^\|( ?-+:? ?\|)+$/.test(line)

/** Commands of bench/main.mjs, and whether they have figures where there is no loop. */
const BENCHES = {
  demo: true,
  gen: true,
  stream: true,
  batch: true,
  context: false,
  types: false,
  settings: false,
  flavours: false,
  places: true,
  load: true,
  ways: true,
  busy: true,
}

describe('npm run bench', () => {
  it('has the commands that are tried here', async () => {
    const failure = outputOf('bench/main.mjs', 'no-such-bench')
    await expect(failure).rejects.toThrow(`Expected one of ${Object.keys(BENCHES).join(', ')}, got`)
  })

  it.each(Object.entries(BENCHES))(
    '-- %s --short',
    async (name, withoutLoop) => {
      const output = await outputOf('bench/main.mjs', name, '--short')
      if (hasLibraries || withoutLoop) {
        expect(name === 'demo' ? output.match(/ ms {3}x\d/g) : rows(output)).not.toHaveLength(0)
      }
      if (!hasLibraries && !['demo', 'batch', 'places', 'load', 'ways', 'busy'].includes(name)) {
        expect(output).toContain('not measured: the plain C++ loop')
      }
      expect(output).not.toMatch(/NaN|undefined/)
    },
    LIMIT_MS,
  )
})

describe('scripts/profile-table.mjs', () => {
  it('shows whose time a profile is', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'profile-'))
    const program = 'const end = performance.now() + 50; while (performance.now() < end);'
    await outputOf('--cpu-prof', `--cpu-prof-dir=${directory}`, '--cpu-prof-name=p.cpuprofile', '-e', program)
    const output = await outputOf('scripts/profile-table.mjs', path.join(directory, 'p.cpuprofile'))
    expect(rows(output).at(-1)).toMatch(/^\| all \| \d{4,}\.\d \|$/)
    rmSync(directory, { recursive: true })
  })
})

describe('scripts/measure-*.mjs', () => {
  const TRIED = {
    'measure-accuracy.mjs': ['--short'],
    'measure-convert.mjs': ['--short'],
    'measure-gpu.mjs': [
      '--gpu',
      'off',
      '--shapes',
      'tiny',
      '--types',
      'q8_0',
      '--parts',
      'stream',
      '--no-build',
    ],
    'measure-install.mjs': ['--short'],
  }

  it('are all tried here', () => {
    const scripts = readdirSync(path.join(ROOT, 'scripts')).filter((name) => /^measure-.*\.mjs$/.test(name))
    expect(scripts.sort()).toEqual(Object.keys(TRIED))
  })

  it.each(Object.entries(TRIED))(
    '%s',
    async (name, words) => {
      // Reads what /proc says of a process.
      if (name === 'measure-convert.mjs' && process.platform !== 'linux') return
      const output = await outputOf(`scripts/${name}`, ...words)
      expect(rows(output).length).toBeGreaterThan(0)
      expect(output).not.toMatch(/NaN|undefined/)
    },
    LIMIT_MS,
  )

  it('measure-gpu.mjs --dry imports what every part runs, and lists the parts', async () => {
    const output = await outputOf('scripts/measure-gpu.mjs', '--dry', '--settings')
    for (const title of ['parity 0.6B', 'stream 8B q8_0', 'gen 4B f16', 'settings gen']) {
      expect(output).toContain(title)
    }
  })
})

describe('npm scripts', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }

  it('name files that are there', () => {
    const named = Object.values(scripts).flatMap((command) => command.match(/\b[\w-]+\/[\w./-]+/g) ?? [])
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([])
  })

  it('are no hooks that npm runs before or after another', () => {
    const names = Object.keys(scripts)
    expect(
      names.filter((name) => names.includes(name.replace(/^(pre|post)/, '')) && /^(pre|post)/.test(name)),
    ).toEqual([])
  })

  it('test:gpu begins with tests that are there', async () => {
    const program = `import { TESTS } from './scripts/test-gpu.mjs'; console.log(JSON.stringify(TESTS))`
    const tests: string[] = JSON.parse(await outputOf('--input-type=module', '-e', program))
    const files = readdirSync(path.join(ROOT, 'test'), { recursive: true })
      .map((name) => path.posix.join('test', String(name).replaceAll(path.sep, '/')))
      .filter((name) => name.endsWith('.test.ts'))
    for (const beginning of tests)
      expect(
        files.filter((file) => file.startsWith(beginning)),
        beginning,
      ).not.toEqual([])
  })
})
