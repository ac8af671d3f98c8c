import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { CATEGORIES, SAFETIES } from '../../lib/index.js'
import { cli } from '../support/cli.js'
import { declarations, interfaces, literals, publicTypes } from '../support/declarations.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What was written by hand: the reference that is made of the docstrings has everything. */
const texts = readdirSync(path.join(ROOT, 'docs'), { encoding: 'utf8', recursive: true })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.md') && !name.startsWith('api/'))
  .map((name) => readFileSync(path.join(ROOT, 'docs', name), 'utf8'))

/** Code in the documentation: what stands between backticks, in a line or in a block. */
const code = texts
  .flatMap((text) => [...text.matchAll(/^```.*?^```|`[^`\n]+`/gms)].map(([match]) => match))
  .join('\n')

const unnamed = (names: Iterable<string>) =>
  [...new Set(names)].filter((name) => !new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(code)).sort()

/** Rooms whose types an index may reach and nobody is given. */
const INSIDE = /^dist\/(binding|engine|tokenizer|models\/(gguf|convert|checkpoint))\//

describe('the documentation names', () => {
  let members: Map<string, string[]>

  beforeAll(async () => {
    const { publicDeclarations } = await publicTypes()
    const files = publicDeclarations().filter((file) => !INSIDE.test(file))
    members = new Map(files.flatMap((file) => [...interfaces(declarations(file))]))
  })

  const membersOf = (names: RegExp) => [...members].flatMap(([name, list]) => (names.test(name) ? list : []))

  it('every function and class', async () => {
    const entries = [
      'index',
      'queue/index',
      ...['web-streams', 'node-streams', 'ai-sdk/index', 'openai/index'].map((name) => `adapters/${name}`),
    ]
    const modules = await Promise.all(
      entries.map(
        async (name) => (await import(new URL(`../../dist/${name}.js`, import.meta.url).href)) as object,
      ),
    )
    const names = modules.flatMap((module) => Object.keys(module))
    expect(names).toContain('moderateChat')
    expect(unnamed(names)).toEqual([])
  })

  it('every option', () => {
    for (const known of ['LoadOptions', 'ModerateOptions', 'ContentOptions', 'PullOptions', 'Policy']) {
      expect(members.get(known)?.length).toBeGreaterThan(2)
    }
    expect(unnamed(membersOf(/Options$|^Policy$/))).toEqual([])
    const table = readFileSync(path.join(ROOT, 'docs/options.md'), 'utf8').split('\n## ')[0] ?? ''
    expect(membersOf(/^LoadOptions$/).filter((name) => !table.includes(`\`${name}\``))).toEqual([])
  })

  it('every field of stats() and device', () => {
    expect(members.get('GuardStats')).toContain('queued')
    expect(unnamed(membersOf(/^Guard(Stats|Device)$/))).toEqual([])
    const monitoring = readFileSync(path.join(ROOT, 'docs/guides/monitoring.md'), 'utf8')
    const missing = membersOf(/^Guard(Stats|Device)$/).filter((name) => !monitoring.includes(`\`${name}\``))
    expect(missing).toEqual([])
  })

  it('every field of verdicts', () => {
    expect(members.get('TokenVerdict')).toContain('contextStart')
    expect(unnamed(membersOf(/Verdict$|^Gen\w+$|Usage$|^Explanation$|^PolicyOutcome$/))).toEqual([])
  })

  it('every event, and every reason of a block', () => {
    const events = declarations('dist/stream/events.d.ts')
    const types = [...events.matchAll(/\btype: '(\w+)'/g)].map(([, type]) => type as string)
    const [, reasons = ''] = /\breason: ([^;]+);/.exec(events) ?? []
    const causes = [...reasons.matchAll(/'(\w+)'/g)].map(([, cause]) => cause as string)
    expect(types).toContain('slide')
    expect(causes).toContain('overload')
    expect(unnamed([...types, ...causes])).toEqual([])
  })

  it('every error code and class', () => {
    const errors = declarations('dist/errors.d.ts')
    const codes = literals(errors, 'GuardErrorCode')
    const classes = [...errors.matchAll(/class (\w+)/g)].map(([, name]) => name as string)
    expect(codes.length).toBeGreaterThan(20)
    expect(unnamed([...codes, ...classes])).toEqual([])
    // What to do about each, and what to run first.
    for (const file of ['docs/errors.md', 'docs/guides/troubleshooting.md']) {
      const text = readFileSync(path.join(ROOT, file), 'utf8')
      expect(codes.filter((code) => !text.includes(`| \`${code}\` |`))).toEqual([])
    }
  })

  it('every category and severity', () => {
    expect(unnamed([...CATEGORIES, ...SAFETIES])).toEqual([])
  })

  it('every variable of the environment', () => {
    const files = readdirSync(path.join(ROOT, 'dist'), { encoding: 'utf8', recursive: true })
    const names = files
      .filter((name) => name.endsWith('.js'))
      .flatMap(
        (name) => readFileSync(path.join(ROOT, 'dist', name), 'utf8').match(/\bQWEN3GUARD_[A-Z_]+\b/g) ?? [],
      )
    expect(names).toContain('QWEN3GUARD_HOME')
    expect(unnamed(names)).toEqual([])
  })

  it('every command and flag', async () => {
    const { stdout } = await cli(['--help'])
    const commands = [...stdout.matchAll(/^ {2}(\w+) .*\S {2,}\S/gm)].map(([, name]) => name as string)
    expect(commands).toContain('check')
    const cliText = readFileSync(path.join(ROOT, 'docs/cli.md'), 'utf8')
    const missing: string[] = []
    for (const command of commands) {
      if (command === 'help') continue
      if (!new RegExp(`^## ${command}$`, 'm').test(cliText)) missing.push(command)
      const help = (await cli([command, '--help'])).stdout
      const flags = [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, flag]) => flag as string)
      missing.push(...unnamed(flags.filter((flag) => flag !== '--help')).map((flag) => `${command} ${flag}`))
    }
    expect(missing).toEqual([])
  })
})

it('the API reference is that of the types as they are: if not, run `npm run docs:api`', async () => {
  const { fingerprint } = await publicTypes()
  expect(readFileSync(path.join(ROOT, 'docs/api/fingerprint.txt'), 'utf8').trim()).toBe(fingerprint())
})
