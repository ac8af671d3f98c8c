import { readFileSync } from 'node:fs'
import os from 'node:os'

/** Up to this many parameters there is little work between the barriers, and on busy cores a second thread loses more there than it gains. */
const ONE_THREAD_PARAMETERS = 50_000_000

/**
 * Decode threads by default: the CPUs this process may use, less one for JS where there are more than two;
 * one for a model as small as the demonstration models.
 */
export function defaultThreads(parameters: number, cpus = allowedCpus()): number {
  if (parameters <= ONE_THREAD_PARAMETERS) return 1
  return Math.min(512, cpus > 2 ? cpus - 1 : Math.max(1, cpus))
}

/**
 * Decode threads that were asked for, brought down to the CPUs this process may use, with a warning: threads that have no CPU
 * make all others wait. `QWEN3GUARD_THREADS_INSIST=1` leaves them as they are.
 */
export function boundThreads(wanted: number, cpus = allowedCpus()): number {
  const insist = process.env.QWEN3GUARD_THREADS_INSIST
  if (wanted <= cpus || (insist && insist !== '0')) return wanted
  process.emitWarning(
    `threads is ${wanted}, and this process may use ${cpus} ${cpus === 1 ? 'CPU' : 'CPUs'} (affinity and cgroup quota): ${cpus} ` +
      `${cpus === 1 ? 'is' : 'are'} started, since threads without a CPU of their own make the others wait. ` +
      `Set QWEN3GUARD_THREADS_INSIST=1 for ${wanted} all the same.`,
    { code: 'QWEN3GUARD_THREADS' },
  )
  return cpus
}

/** CPUs by affinity and by the quotas of the cgroups that this process is in, at least 1. */
function allowedCpus(): number {
  return Math.min(Math.max(1, os.availableParallelism()), cgroupCpus())
}

/**
 * CPUs that cgroups allow, rounded up; Infinity without a quota. Every group from this process's up to the root may have one.
 *
 * @param read a file's content, or undefined where there is none
 */
export function cgroupCpus(read: (file: string) => string | undefined = readIfThere): number {
  const root = '/sys/fs/cgroup'
  let cpus = Number.POSITIVE_INFINITY
  const count = (quota: string | undefined, period: string | undefined) => {
    const allowed = Math.ceil(Number(quota) / Number(period))
    if (allowed >= 1) cpus = Math.min(cpus, allowed) // no quota is 'max' (v2) or -1 (v1)
  }
  // Lines such as `0::/user.slice` (v2) and `4:cpu,cpuacct:/docker/…` (v1). In a container the path may be the host's.
  for (const line of read('/proc/self/cgroup')?.trim().split('\n') ?? []) {
    const [, controllers = '', group = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    const v2 = controllers === ''
    if (!v2 && !controllers.split(',').includes('cpu')) continue
    const parts = group.split('/').filter((part) => part !== '')
    for (let depth = parts.length; depth >= 0; depth--) {
      const folder = [root, ...(v2 ? [] : ['cpu']), ...parts.slice(0, depth)].join('/')
      // v2, in microseconds: "max 100000" or "150000 100000".
      if (v2)
        count(...((read(`${folder}/cpu.max`)?.trim().split(' ') as [string?, string?] | undefined) ?? []))
      else count(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`))
    }
  }
  return cpus
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
