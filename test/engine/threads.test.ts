import { execFileSync } from 'node:child_process'
import os from 'node:os'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { loadEngine } from '../../lib/engine/load.js'
import { boundThreads, cgroupCpus } from '../../lib/engine/threads.js'
import { cli } from '../support/cli.js'
import { fixtureModel } from '../support/fixture-model.js'

const MODULE = fileURLToPath(new URL('../../dist/engine/threads.js', import.meta.url))
const CODE = 'QWEN3GUARD_THREADS'

let warnings: (Error & { code?: string })[] = []
const listen = (warning: Error) => warnings.push(warning)
beforeEach(() => {
  warnings = []
  process.on('warning', listen)
  vi.stubEnv('QWEN3GUARD_THREADS_INSIST', undefined)
})
afterEach(() => {
  process.off('warning', listen)
  vi.unstubAllEnvs()
})

/** Warnings are emitted in the next tick. */
const emitted = async () => {
  await new Promise((resolve) => setImmediate(resolve))
  return warnings.filter(({ code }) => code === CODE).map(({ message }) => message)
}

describe('threads above the CPUs allowed', () => {
  it('are brought down, with a warning that names both numbers', async () => {
    expect(boundThreads(16, 2)).toBe(2)
    const [message, ...others] = await emitted()
    expect(message).toContain('threads is 16')
    expect(message).toContain('2 CPUs')
    expect(message).toContain('QWEN3GUARD_THREADS_INSIST=1')
    expect(others).toEqual([])
  })

  it.each([1, 2])('leave %i of 2 as they are', async (wanted) => {
    expect(boundThreads(wanted, 2)).toBe(wanted)
    expect(await emitted()).toEqual([])
  })

  it('stay where they are insisted upon', async () => {
    vi.stubEnv('QWEN3GUARD_THREADS_INSIST', '1')
    expect(boundThreads(16, 2)).toBe(16)
    vi.stubEnv('QWEN3GUARD_THREADS_INSIST', '0')
    expect(boundThreads(16, 2)).toBe(2)
    expect(await emitted()).toHaveLength(1)
  })

  it('do not reach the engine, and are warned of once a load', async () => {
    const loaded = await loadEngine({ model: await fixtureModel('gen-f32-tied'), threads: 512 }, 'gen')
    await loaded.close()
    expect(loaded.engine.options.threads).toBeLessThanOrEqual(os.availableParallelism())
    expect(await emitted()).toHaveLength(os.availableParallelism() < 512 ? 1 : 0)
  })

  it('are a warning on the command line, and a verdict all the same', async () => {
    const { code, stderr, stdout } = await cli(['check', '--json', '--threads', '512', 'hi'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toHaveProperty('safety')
    expect(stderr.match(/threads is 512/g)).toHaveLength(1)
  })

  it.runIf(process.platform === 'linux')('are counted by affinity', () => {
    const program = `import { boundThreads } from ${JSON.stringify(pathToFileURL(MODULE).href)}; console.log(boundThreads(2))`
    const words = ['-c', '0', process.execPath, '--no-warnings', '--input-type=module', '-e', program]
    expect(execFileSync('taskset', words, { encoding: 'utf8' }).trim()).toBe('1')
  })
})

describe('CPUs that cgroups allow', () => {
  const of = (files: Record<string, string>) => cgroupCpus((file) => files[file])
  const root = '/sys/fs/cgroup'

  const cases: [what: string, files: Record<string, string>, cpus: number][] = [
    ['no cgroups', {}, Number.POSITIVE_INFINITY],
    [
      'no quota',
      { '/proc/self/cgroup': '0::/\n', [`${root}/cpu.max`]: 'max 100000\n' },
      Number.POSITIVE_INFINITY,
    ],
    ['a container', { '/proc/self/cgroup': '0::/\n', [`${root}/cpu.max`]: '150000 100000\n' }, 2],
    ['a small quota', { '/proc/self/cgroup': '0::/\n', [`${root}/cpu.max`]: '5000 100000\n' }, 1],
    [
      'a service in a slice with less',
      {
        '/proc/self/cgroup': '0::/jobs.slice/guard.service\n',
        [`${root}/jobs.slice/guard.service/cpu.max`]: '800000 100000\n',
        [`${root}/jobs.slice/cpu.max`]: '300000 100000\n',
      },
      3,
    ],
    [
      'a container that is told the path outside',
      { '/proc/self/cgroup': '0::/docker/1f\n', [`${root}/cpu.max`]: '400000 100000\n' },
      4,
    ],
    [
      'version 1',
      {
        '/proc/self/cgroup': '5:memory:/a\n4:cpu,cpuacct:/docker/1f\n0::/\n',
        [`${root}/cpu/docker/1f/cpu.cfs_quota_us`]: '200000\n',
        [`${root}/cpu/docker/1f/cpu.cfs_period_us`]: '100000\n',
        [`${root}/cpu/cpu.cfs_quota_us`]: '-1\n',
        [`${root}/cpu/cpu.cfs_period_us`]: '100000\n',
      },
      2,
    ],
  ]
  it.each(cases)('%s', (_, files, cpus) => {
    expect(of(files)).toBe(cpus)
  })
})
