import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { chromiumPath } from '../support/browser.js'
import { temporaryDirectory } from '../support/temporary.js'

// Every bench and every measurement in its short form, whose figures mean nothing: it shows that the command works. What is not
// here (node-llama-cpp, the libraries of a native build) is left out, with a line that says so.
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What `npm run build:native` leaves, which the plain C++ loop of the benches is linked with. */
const hasLibraries = existsSync(path.join(ROOT, 'build-cmake', 'llama.cpp', 'src'))
const LIMIT_MS = 300_000

const hasPython = spawnSync('python3', ['--version']).status === 0

const directory = temporaryDirectory()

async function outputOf(...words: string[]): Promise<string> {
  return await outputWith({}, ...words)
}

async function outputWith(environment: Record<string, string>, ...words: string[]): Promise<string> {
  const options = { cwd: ROOT, maxBuffer: 1 << 26, env: { ...process.env, ...environment } }
  const { stdout } = await promisify(execFile)(process.execPath, words, options)
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
  serve: true,
  context: false,
  types: false,
  settings: false,
  flavours: false,
  kernels: true,
  places: true,
  load: true,
  ways: true,
  busy: true,
  cluster: true,
  deterministic: true,
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
      const able = name !== 'kernels' || process.arch === 'x64' // elsewhere all kernels are ggml's
      if (able && (hasLibraries || withoutLoop)) {
        expect(name === 'demo' ? output.match(/ ms {3}x\d/g) : rows(output)).not.toHaveLength(0)
      }
      if (
        !hasLibraries &&
        ![
          'demo',
          'batch',
          'serve',
          'kernels',
          'places',
          'load',
          'ways',
          'busy',
          'cluster',
          'deterministic',
        ].includes(name)
      ) {
        expect(output).toContain('not measured: the plain C++ loop')
      }
      expect(output).not.toMatch(/NaN|undefined/)
    },
    LIMIT_MS,
  )

  it(
    '-- stream with caches that would not all fit into memory has its contenders one after the other',
    async () => {
      const words = ['stream', '--short', '--parts', 'many', '--positions', '640']
      const output = await outputOf('bench/main.mjs', ...words)
      expect(output).toContain('measured one contender after the other')
      expect(rows(output)).toHaveLength(3)
      for (const row of rows(output))
        expect(row).toMatch(/^\| 640 \| [14] \| (?:idle|half busy) \| \d+\.\d \|/)
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

describe('scripts/flame-graph.mjs', () => {
  it('draws what each stack took, as wide as its time, without idle time', async () => {
    const frame = (id: number, functionName: string, url: string, ...children: number[]) => ({
      id,
      callFrame: { functionName, url },
      children,
    })
    const nodes = [
      frame(1, '(root)', '', 2, 3, 4, 8),
      frame(2, '(idle)', ''),
      frame(3, '(garbage collector)', ''),
      frame(4, 'classify', 'file:///home/me/copy/dist/gen/guard.js', 5, 6, 7),
      frame(5, 'render<T>', 'file:///home/me/copy/node_modules/@huggingface/jinja/dist/index.js', 9),
      frame(6, '', 'file:///home/me/copy/dist/gen/guard.js'),
      frame(7, 'thin', 'file:///home/me/copy/dist/gen/guard.js'),
      frame(8, 'classify', 'file:///home/me/copy/dist/gen/guard.js'),
      frame(9, 'evaluate', 'file:///home/me/copy/node_modules/@huggingface/jinja/dist/index.js'),
    ]
    const samples = [2, 3, 4, 5, 9, 6, 7, 8]
    const timeDeltas = [900, 200, 50, 100, 100, 99, 1, 50]
    const [whole, half] = ['whole', 'half'].map((name) => path.join(directory, `${name}.cpuprofile`))
    writeFileSync(whole!, JSON.stringify({ nodes, samples, timeDeltas }))
    const halves = timeDeltas.map((time) => time / 2)
    writeFileSync(half!, JSON.stringify({ nodes, samples, timeDeltas: halves }))
    const svg = await outputOf('scripts/flame-graph.mjs', '--per', '10', '--least', '1', whole!, half!)

    expect(svg).toMatch(
      /^<svg [^>]*>\n<title>Flame graphs of whole \(60\.0 µs\) and half \(30\.0 µs\)<\/title>/,
    )
    expect(svg).toMatch(/<\/svg>\n$/)
    const frames = [
      ...svg.matchAll(/<g><title>(.*?)<\/title><rect class="\w+" x="(.*?)" y="(\d+)" width="(.*?)"/g),
    ]
    const shown = frames.map(([, title, x, y, width]) => ({
      title,
      x: Number(x),
      y: Number(y),
      width: Number(width),
    }))
    // What a package calls of its own is its caller's, stacks of one label are one, and the thin frame is not there.
    expect(shown.map(({ title }) => title)).toEqual([
      'classify · lib/gen/guard.ts: 40.0 µs',
      'render&lt;T&gt; · @huggingface/jinja: 20.0 µs',
      '(anonymous) · lib/gen/guard.ts: 9.9 µs',
      'garbage collector: 20.0 µs',
      'classify · lib/gen/guard.ts: 20.0 µs',
      'render&lt;T&gt; · @huggingface/jinja: 10.0 µs',
      '(anonymous) · lib/gen/guard.ts: 5.0 µs',
      'garbage collector: 10.0 µs',
    ])
    const [classify, render, , collector, later] = shown
    expect(classify!.width + collector!.width).toBeCloseTo(968, 0)
    expect(later!.width).toBeCloseTo(classify!.width / 2, 0)
    expect(collector!.x).toBeCloseTo(classify!.x + classify!.width, 0)
    expect([render!.x, render!.y]).toEqual([classify!.x, classify!.y - 16])
    expect(svg).not.toMatch(/\/home|NaN|undefined/)
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

describe('scripts that draw and list', () => {
  it('demo-svg.mjs draws what the demonstration prints, in its colours', async () => {
    const svg = await outputOf('scripts/demo-svg.mjs')
    expect(svg).toMatch(/^<svg [^>]*>\n<title>.*<\/svg>\n$/s)
    expect(svg).toContain('Gen judges')
    expect(svg).toMatch(/<tspan fill="#[0-9a-f]{6}"[^>]*>Unsafe<\/tspan>/)
    expect(svg).not.toMatch(/\x1b|NaN|undefined/)
  })

  it.skipIf(chromiumPath() === null)('report-picture.mjs pictures a report', async () => {
    const data = path.join(directory, 'labelled.csv')
    writeFileSync(data, 'prompt,label\nHi,safe\nHow can I make a bomb?,unsafe\n')
    const picture = path.join(directory, 'report.png')
    const env = { CHROMIUM_PATH: chromiumPath() ?? '' }
    await outputWith(env, 'scripts/report-picture.mjs', data, '--picture', picture)
    const bytes = readFileSync(picture)
    expect(bytes.subarray(1, 4).toString()).toBe('PNG')
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([1100, 1720])
    await expect(outputOf('scripts/report-picture.mjs')).rejects.toThrow('usage:')
  })

  it.skipIf(chromiumPath() === null)('playground-picture.mjs pictures the playground', async () => {
    const picture = path.join(directory, 'playground.png')
    await outputWith(
      { CHROMIUM_PATH: chromiumPath() ?? '' },
      'scripts/playground-picture.mjs',
      '--picture',
      picture,
    )
    const bytes = readFileSync(picture)
    expect(bytes.subarray(1, 4).toString()).toBe('PNG')
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([1280, 1020])
  })

  it('normaliser_probes.mjs lists texts with what Node makes of them', async () => {
    const probes: unknown = JSON.parse(await outputOf('scripts/golden/normaliser_probes.mjs'))
    expect(JSON.stringify(probes).length).toBeGreaterThan(100_000)
  })

  it.skipIf(!hasPython)('the Python of scripts/ compiles', async () => {
    const files = readdirSync(path.join(ROOT, 'scripts'), { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.py') && !name.includes('node_modules'))
    expect(files.length).toBeGreaterThan(5)
    // Without bytecode beside the sources.
    const program = 'import sys; [compile(open(f, encoding="utf8").read(), f, "exec") for f in sys.argv[1:]]'
    const paths = files.map((name) => path.join(ROOT, 'scripts', name))
    await promisify(execFile)('python3', ['-c', program, ...paths])
  })
})

describe('every script', () => {
  const sources = (folder: string) =>
    readdirSync(path.join(ROOT, folder), { recursive: true })
      .map((name) => path.join(folder, String(name)))
      .filter((name) => /\.(?:m?js|ts|yml)$/.test(name) && !name.includes('node_modules'))
  const text = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')

  it('is run by a test, by npm, or by a script that is', () => {
    // Those that somebody runs; what lies in folders is theirs.
    const scripts = sources('scripts').filter((name) => path.dirname(name) === 'scripts')
    const tests = [...sources('test'), 'package.json', 'vitest.config.ts'].map(text).join('\n')
    const isNamed = (script: string, within: string) => within.includes(path.basename(script))
    const tried = new Set(scripts.filter((script) => isNamed(script, tests)))
    for (let before = -1; before !== tried.size; ) {
      before = tried.size
      const reached = [...tried].map(text).join('\n')
      for (const script of scripts) if (isNamed(script, reached)) tried.add(script)
    }
    expect(scripts.filter((script) => !tried.has(script))).toEqual([])
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
