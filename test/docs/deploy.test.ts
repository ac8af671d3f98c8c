import { execFile, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { validate } from 'dockerfile-utils'
import { Deployment } from 'kubernetes-models/apps/v1'
import { Job } from 'kubernetes-models/batch/v1'
import { PersistentVolumeClaim, Secret, Service } from 'kubernetes-models/v1'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { cli } from '../support/cli.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const file = (name: string) => path.join(ROOT, 'docs/deploy', name)
const text = (name: string) => readFileSync(file(name), 'utf8')

/** Flags that are given to a command and that it does not have. */
async function unknownFlags(words: readonly string[]): Promise<string[]> {
  const command = words.find((word) => /^(serve|pull)$/.test(word))
  const help = (await cli([command ?? 'serve', '--help'])).stdout
  const flags = words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0] as string)
  expect(flags.length).toBeGreaterThan(0)
  return flags.filter((flag) => !new RegExp(`${flag}(?![\\w-])`).test(help))
}

/** Milliseconds that requests in work have to end, of lib/cli/serve.ts. */
const DRAIN_SECONDS = Number(
  /DRAIN_MS = (\d+)_000/.exec(readFileSync(path.join(ROOT, 'lib/cli/serve.ts'), 'utf8'))?.[1] ?? Number.NaN,
)

describe('the Dockerfile', () => {
  it('passes the linter, runs as no root, looks after its health and starts the server', async () => {
    const dockerfile = text('Dockerfile')
    expect(validate(dockerfile)).toEqual([])
    expect(dockerfile).toMatch(/^USER node$/m)
    expect(dockerfile.indexOf('USER node')).toBeGreaterThan(dockerfile.lastIndexOf('RUN '))
    expect(dockerfile).toMatch(/^HEALTHCHECK .*\n {2}CMD \["node".*\/health/m)
    const words = JSON.parse(/^CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? '') as string[]
    expect(await unknownFlags(words)).toEqual([])
    const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      version: string
    }
    expect(dockerfile).toContain(`qwen3guard-${version}.tgz`)
  })

  it('checks its health by a program that works', async () => {
    const words = JSON.parse(/^ {2}CMD (\["node".*\])$/m.exec(text('Dockerfile'))?.[1] ?? '') as string[]
    // Nobody listens there.
    const program = (words[2] ?? '').replace('8080', '9')
    expect(spawnSync(process.execPath, ['-e', program]).status).toBe(1)
  })
})

describe('compose.yaml', () => {
  it('is what the specification allows, and has no errors by its linter', async () => {
    const linter = path.join(ROOT, 'node_modules/dclint/bin/dclint.cjs')
    const words = [linter, '--formatter', 'json', file('compose.yaml')]
    const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: ROOT })
    const [result] = JSON.parse(stdout) as { errorCount: number }[]
    expect(result?.errorCount).toBe(0)
  })

  it('gives the server less than all of the machine, nothing to write to, and time to stop', () => {
    const { services, secrets } = parse(text('compose.yaml')) as {
      services: Record<string, Record<string, unknown>>
      secrets: Record<string, unknown>
    }
    expect(Object.keys(services)).toEqual(['guard', 'pull', 'redis'])
    const guard = services.guard ?? {}
    expect(guard).toMatchObject({ read_only: true, cap_drop: ['ALL'], secrets: Object.keys(secrets) })
    expect(guard.volumes).toEqual(['models:/models:ro'])
    expect(Number.parseInt(String(guard.stop_grace_period), 10)).toBeGreaterThan(DRAIN_SECONDS)
    expect(services.redis?.command).toContain('noeviction')
    expect(text('Dockerfile')).toContain(`/run/secrets/${Object.keys(secrets)[0]}`)
  })
})

describe('qwen3guard.service', () => {
  const unit = text('qwen3guard.service')
  const hasSystemd = existsSync('/usr/bin/systemd-analyze') && existsSync('/usr/bin/node')

  it.runIf(hasSystemd)('is what systemd understands', () => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', file('qwen3guard.service')], {
      encoding: 'utf8',
    })
    expect([status, stdout + stderr]).toEqual([0, ''])
  })

  it('starts the server with flags that it has, as no root, and waits for it to stop', async () => {
    const [, command = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? []
    expect(await unknownFlags(command.split(' '))).toEqual([])
    expect(unit).toMatch(/^User=qwen3guard$/m)
    expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThan(DRAIN_SECONDS)
  })
})

describe('kubernetes.yaml', () => {
  const models = { Secret, PersistentVolumeClaim, Job, Deployment, Service }
  const manifests = parseAllDocuments(text('kubernetes.yaml')).map((document) => {
    expect(document.errors).toEqual([])
    return document.toJS() as { kind: keyof typeof models } & Record<string, unknown>
  })
  const deployment = manifests.find(({ kind }) => kind === 'Deployment') as unknown as Deployment
  const pod = deployment.spec?.template.spec
  const container = pod?.containers[0]

  it('is valid by the schemas of Kubernetes', () => {
    expect(manifests.map(({ kind }) => kind)).toEqual(Object.keys(models))
    for (const manifest of manifests) {
      const model = new (models[manifest.kind] as new (data: object) => { validate(): void })(manifest)
      expect(() => model.validate()).not.toThrow()
    }
    // The schemas find what is wrong.
    const wrong = structuredClone(manifests.find(({ kind }) => kind === 'Service')) as unknown as {
      spec: { ports: object[] }
    }
    wrong.spec.ports = [{ port: 'eighty' }]
    expect(() => new Service(wrong as never).validate()).toThrow()
  })

  it('has limits everywhere, no root, nothing to write to, and what its parts name', () => {
    for (const { kind, spec } of manifests as unknown as Deployment[]) {
      if (kind !== ('Job' as string) && kind !== 'Deployment') continue
      const {
        containers,
        initContainers = [],
        volumes = [],
        securityContext,
      } = spec?.template.spec ?? { containers: [] }
      expect(securityContext).toMatchObject({ runAsNonRoot: true })
      for (const { resources, volumeMounts, securityContext } of [...containers, ...initContainers]) {
        expect(resources?.limits?.memory).toMatch(/^\d+Gi$/)
        expect(securityContext).toMatchObject({
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
        })
        expect(volumeMounts?.map(({ name }) => name)).toEqual(volumes.map(({ name }) => name))
      }
    }
    const service = manifests.find(({ kind }) => kind === 'Service') as unknown as Service
    expect(service.spec?.selector).toEqual(deployment.spec?.selector.matchLabels)
  })

  it('starts the server with flags that it has, probes what it answers, and leaves it time', async () => {
    expect(await unknownFlags(container?.args ?? [])).toEqual([])
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const) {
      expect(container?.[probe]?.httpGet).toEqual({ path: '/health', port: 'http' })
    }
    const preStop = Number(container?.lifecycle?.preStop?.exec?.command?.[1])
    expect(pod?.terminationGracePeriodSeconds).toBeGreaterThan(DRAIN_SECONDS + preStop)
  })
})
