import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type CodeBlock, codeBlocks, projectOf, readMarkdown } from '../support/markdown.js'
import { run } from '../support/program.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What the programs of each guide say; those of servers and of other languages have tests of their own. */
const SAID: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  'quick-start.md': {
    'first.mjs': /^Safe \[\]\n\w+ \[.*\] true\n$/,
    'first.cjs': /^Safe\n$/,
    'turns.mjs':
      /^You asked: How do I bake bread\? I would .+ it\.\n\(allow\)\nYou asked: And how do I boil an egg\?/,
  },
  'gen-or-stream.md': {
    'both.mjs': /^Mix flour, water and salt, wait for an hour, and bake it\.\n\[not answered: Unsafe/,
  },
  'policy.md': {
    'thresholds.mjs':
      /^label blocked by mistake \d missed \d\n(0\.\d+ blocked by mistake \d missed \d\n){5}$/,
    'compare.mjs': /^\{\} block from character \d+ on\n\{"mode":"strict"\} block/,
    'record.mjs': /"model":"demo-gen","policy":"2026-11","action":"block","because":"Unsafe/,
    'refusals.mjs': /^\d of 2 harmless questions were refused\n$/,
  },
  'batch.md': {
    'rows.mjs': /^(?=.*1 Safe)(?=.*2 not judged ERR_TOO_LONG)(?=.*3 Unsafe)/s,
  },
  // What needs a broker was run by hand, as it says.
  'brokers.md': {},
  'evaluate.md': {},
  'rewards.md': { 'rewards.mjs': /^1\.7\nleft out: ERR_TOO_LONG\n$/ },
  'sizing.md': {
    'measure.mjs': /^4 replies at once: \d+ words\/s, a word [\d.]+ ms, p95 [\d.]+ ms\n\d+ MiB resident\n$/,
  },
  'containers.md': {},
  'gateways.md': {},
  'monitoring.md': {
    'metrics.mjs': /guard_blocks_total\{reason="prompt",category=".+"\} 1\n.*guard_queued 0\n/s,
  },
  'migrating.md': {
    'moderations.mjs': /^false false\ntrue (true|false)\n$/,
    'stored.mjs':
      /^Unsafe \[ 'Violent', 'PII' \] null\nSafe \[\] false\nnot judged: "I think it is safe\."\n$/,
    'ids.mjs': /^"Go" Safe\n.*Safe\n$/s,
  },
  'troubleshooting.md': {
    'handle.mjs': /ERR_TOO_LONG.*status: 400.*status: 504.*ERR_CLOSED.*code: 'ERR_MODEL_NOT_FOUND' \}\n$/s,
  },
}

/** Programs that are servers: test/docs/*.test.ts of their own start them. */
const SERVERS: Readonly<Record<string, readonly string[]>> = {
  'containers.md': ['server.mjs'],
  'gateways.md': ['portkey-hook.mjs'],
}

/** Commands that need the network or a daemon, or do not end. */
const NOT_RUN = [/^docker /, /^npx qwen3guard (pull|serve) /]

const isProgram = ({ language }: CodeBlock) => language === 'js'

it('there is a test of every guide', () => {
  const guides = readdirSync(path.join(ROOT, 'docs/guides')).sort()
  expect(guides).toEqual([...Object.keys(SAID), 'chat-servers.md'].sort())
})

describe.each(Object.entries(SAID))('the guide %s', (guide, programs) => {
  const { folder, blocks } = projectOf(`docs/guides/${guide}`)

  it('has no program that the tests do not run', () => {
    const files = blocks.filter(isProgram).map(({ file }) => file)
    expect(files).toEqual([...Object.keys(programs), ...(SERVERS[guide] ?? [])])
  })

  for (const [file, said] of Object.entries(programs)) {
    it(`runs ${file}`, async () => {
      expect(await run(process.execPath, [file], { cwd: folder })).toMatch(said)
    })
  }

  const commands = blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => code.trim().split('\n'))
    .filter((line) => !NOT_RUN.some((command) => command.test(line)))

  if (commands.length > 0) {
    it.runIf(process.platform !== 'win32')('has commands that run', async () => {
      await run('sh', ['-ec', commands.join('\n')], { cwd: folder })
    })
  }

  const typed = blocks.flatMap(({ language, file }) => (language === 'ts' && file ? [file] : []))

  if (typed.length > 0) {
    it('has TypeScript that compiles', async () => {
      const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
      const options = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext']
      const types = ['--types', 'node', '--lib', 'es2023,esnext.disposable', '--ignoreConfig']
      await run(process.execPath, [tsc, ...options, ...types, ...typed], { cwd: folder })
    })
  }
})

it('README and the guides link to files and headings that are there', () => {
  const guides = readdirSync(path.join(ROOT, 'docs/guides')).map((name) => `docs/guides/${name}`)
  const slug = (heading: string) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
  const broken: string[] = []
  for (const from of ['README.md', ...guides]) {
    const code = codeBlocks(readMarkdown(from)).map((block) => block.code)
    const prose = code.reduce((text, block) => text.replace(block, ''), readMarkdown(from))
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const to = file === '' ? from : path.posix.join(path.posix.dirname(from), file)
      try {
        const text = readMarkdown(to)
        const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slug(heading))
        if (anchor !== undefined && !headings.includes(anchor)) broken.push(`${from}: ${target}`)
      } catch {
        broken.push(`${from}: ${target}`)
      }
    }
  }
  expect(broken).toEqual([])
})
