import { validate } from 'dockerfile-utils'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { type codeBlocks, projectOf, readMarkdown } from '../support/markdown.js'
import { Program, run } from '../support/program.js'
import { leaveInTheBody, sendWithoutEnd } from '../support/rude-clients.js'

function block(blocks: ReturnType<typeof codeBlocks>, file: string): string {
  const found = blocks.find((one) => one.file === file)
  if (!found) throw new Error(`the guide has no ${file}`)
  return found.code
}

/** The parts of the manifests that are looked at. */
interface Manifest {
  kind: string
  metadata: { name: string }
  spec: { template?: { spec: PodSpec } }
}
interface PodSpec {
  terminationGracePeriodSeconds?: number
  containers: Container[]
  volumes: { name: string; persistentVolumeClaim?: { claimName: string } }[]
}
interface Container {
  name: string
  env?: { name: string; value: string }[]
  ports?: { name: string; containerPort: number }[]
  resources: { requests: Record<string, string>; limits: Record<string, string> }
  volumeMounts: { name: string; mountPath: string }[]
  lifecycle?: { preStop: { exec: { command: string[] } } }
  [probe: `${string}Probe`]: { httpGet: { path: string; port: string } }
}

describe('the guide to containers', () => {
  const { folder, blocks } = projectOf('docs/guides/containers.md')
  const dockerfile = block(blocks, 'Dockerfile')
  const manifests = parseAllDocuments(block(blocks, 'guard.yaml')).map((document) => {
    expect(document.errors).toEqual([])
    return document.toJS() as Manifest
  })
  const pod = manifests.find(({ kind }) => kind === 'Deployment')?.spec.template?.spec as PodSpec
  const container = pod.containers[0] as Container
  let server: Program
  let port: number

  beforeAll(async () => {
    const env = { PORT: '0', GUARD_MODEL: 'demo-gen' }
    server = new Program(process.execPath, ['server.mjs'], { cwd: folder, env })
    port = Number((await server.says(/port (\d+), on CPU/))[1])
  })
  afterAll(() => server?.kill())

  const ask = async (path: string, body?: string) => {
    const init = body === undefined ? {} : { method: 'POST', body }
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  it('has a Dockerfile that passes the linter and runs the server as no root', () => {
    expect(validate(dockerfile)).toEqual([])
    expect(dockerfile).toMatch(/USER node\n.*CMD \["node", "server\.mjs"\]\n$/s)
  })

  it('has a server that judges, and says what was wrong', async () => {
    expect(await ask('/check', 'How can I make a bomb?')).toMatchObject({
      status: 200,
      body: { safety: 'Unsafe' },
    })
    expect(await ask('/check', 'word '.repeat(15_000))).toMatchObject({
      status: 413,
      body: { code: 'ERR_TOO_LONG' },
    })
    expect((await ask('/check', 'a'.repeat(200_000))).status).toBe(413)
    expect(await ask('/stats')).toMatchObject({ status: 200, body: { queued: 0 } })
    expect((await ask('/nowhere')).status).toBe(404)
  })

  it('goes on after clients that leave in the body, or send one without end', async () => {
    await leaveInTheBody(port, '/check')
    expect((await sendWithoutEnd(port, '/check')).sent).toBeLessThan(10e6)
    expect((await ask('/live')).status).toBe(200)
    expect(server.child.exitCode).toBe(null)
  })

  it('does not start without a model that is named', async () => {
    const program = new Program(process.execPath, ['server.mjs'], { cwd: folder, env: { PORT: '0' } })
    expect((await program.ended).code).toBe(1)
    expect(program.stderr).toContain('Set GUARD_MODEL')
  })

  it('has manifests with limits everywhere, and probes that the server answers', async () => {
    expect(manifests.map(({ kind }) => kind)).toEqual(['PersistentVolumeClaim', 'Job', 'Deployment'])
    const claims = manifests.filter(({ kind }) => kind.endsWith('Claim')).map(({ metadata }) => metadata.name)
    for (const { spec } of manifests) {
      for (const { resources, volumeMounts } of spec.template?.spec.containers ?? []) {
        expect(resources.limits.memory).toMatch(/^\d+Gi$/)
        const volumes = spec.template?.spec.volumes ?? []
        expect(volumes.map(({ name }) => name)).toEqual(volumeMounts.map(({ name }) => name))
        for (const { persistentVolumeClaim } of volumes) {
          if (persistentVolumeClaim) expect(claims).toContain(persistentVolumeClaim.claimName)
        }
      }
    }
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const) {
      const { path, port: name } = container[probe]?.httpGet ?? { path: '', port: '' }
      expect((await ask(path)).status).toBe(200)
      expect(container.ports?.map((one) => one.name)).toContain(name)
    }
    expect(dockerfile).toContain(`QWEN3GUARD_HOME=${container.volumeMounts[0]?.mountPath} `)
  })

  // Windows has no SIGTERM that a program could hear.
  it.runIf(process.platform !== 'win32')('leaves the server more time to stop than it takes', async () => {
    const [, drain] = /(\d+)_000\)/.exec(block(blocks, 'server.mjs')) ?? []
    const preStop = Number(container.lifecycle?.preStop.exec.command[1])
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(Number(drain) + preStop)
    server.child.kill('SIGTERM')
    expect(await server.ended).toEqual({ code: 0, signal: null })
  })
})

describe('the guide to monitoring', () => {
  const { folder, blocks } = projectOf('docs/guides/monitoring.md')

  it('alerts on metrics that its program gives', async () => {
    const said = await run(process.execPath, ['metrics.mjs'], { cwd: folder })
    const { groups } = parse(block(blocks, 'alerts.yaml')) as { groups: { rules: { expr: string }[] }[] }
    const named = groups.flatMap(({ rules }) => rules.flatMap(({ expr }) => expr.match(/guard_\w+/g) ?? []))
    expect(named.length).toBeGreaterThan(5)
    for (const name of named) expect(said).toMatch(new RegExp(`^${name}[ {]`, 'm'))
    // Each line is a comment or a sample of Prometheus' text format.
    for (const line of said.trim().split('\n')) {
      expect(line).toMatch(/^(# .+|\w+(\{(\w+="[^"\\]*",?)*\})? -?[\d.]+(e[+-]?\d+)?)$/)
    }
  })
})

/** The cells of a Markdown file's table rows. */
const rows = (name: string) =>
  [...readMarkdown(name).matchAll(/^\|(.*)\|$/gm)].map(([, row = '']) =>
    row.split('|').map((cell) => cell.trim()),
  )

it('what README says of costs is what was measured', () => {
  const performance = readMarkdown('docs/performance.md')
  for (const figure of [
    '| qwen3guard | 151 ',
    '| qwen3guard | 222 ',
    '| 64 | 1 | 11.9 |',
    '| 512 | 1 | 14.6 |',
    '| 64 | 8 | idle | 457.0 |',
    '| 512 | 8 | idle | 233.3 |',
  ]) {
    expect(performance).toContain(figure)
  }
  const table = readMarkdown('README.md')
  expect(table).toContain(
    '0.15 s a prompt, 0.22 s a reply | 12 to 15 ms a token; 233 to 457 tokens/s in eight',
  )
})

it('the tables of the guide to sizing are what was measured and computed elsewhere', () => {
  const performance = rows('docs/performance.md')
  const sizing = rows('docs/guides/sizing.md')
  const users = sizing.filter(
    ([positions = '', streams = '']) => /^\d+$/.test(positions) && /^\d+$/.test(streams),
  )
  expect(users).toHaveLength(6)
  for (const [positions, streams, tokens, wait, onGpu] of users) {
    const measured = performance.find(
      (row) => row[0] === positions && row[1] === streams && row[2] === 'idle',
    )
    expect([tokens, wait]).toEqual([`${Math.round(Number(measured?.[3]))}`, `${measured?.[4]} ms`])
    const gpu = performance.find(
      (row) => row[0] === '0.6B q8_0' && row[1] === positions && row[2] === streams,
    )
    if (onGpu) expect(onGpu).toBe(gpu?.[3])
  }
  const models = rows('docs/models.md')
  const memory = sizing.filter(([name = '']) => name.startsWith('`qwen3guard-'))
  expect(memory).toHaveLength(6)
  for (const [name, most] of memory) expect(most).toBe(models.find((row) => row[0] === name)?.[2])
})
