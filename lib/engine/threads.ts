import { readFileSync } from 'node:fs'
import os from 'node:os'

/** Up to this many parameters there is little work between the barriers, and on busy cores a second thread loses more there than it gains. */
const ONE_THREAD_PARAMETERS = 50_000_000

/**
 * Decode threads by default: the CPUs this process may use, less one for JS where there are more than two;
 * one for a model as small as the demonstration models.
 */
export function defaultThreads(parameters: number, cpus = usableCpus()): number {
  if (parameters <= ONE_THREAD_PARAMETERS) return 1
  return Math.min(512, cpus > 2 ? cpus - 1 : Math.max(1, cpus))
}

/** CPUs by affinity and by the cgroup's quota, at least 1. */
function usableCpus(): number {
  const cpus = os.availableParallelism()
  try {
    // cgroup v2: "max 100000" or "150000 100000", in microseconds.
    const [quota, period] = readFileSync('/sys/fs/cgroup/cpu.max', 'utf8').trim().split(' ')
    const allowed = Math.ceil(Number(quota) / Number(period))
    return allowed >= 1 ? Math.min(cpus, allowed) : cpus
  } catch {
    return cpus
  }
}
