import { readFileSync } from 'node:fs'
import os from 'node:os'

/** Bytes this process may still take: the machine's free memory, or less where a cgroup says so. */
export function availableMemory(): number {
  const free = process.availableMemory?.() ?? os.freemem()
  return Math.min(free, cgroupHeadroom())
}

function cgroupHeadroom(): number {
  const read = (file: string) => {
    try {
      return readFileSync(file, 'utf8').trim()
    } catch {
      return undefined
    }
  }
  const limit = read('/sys/fs/cgroup/memory.max')
  const current = read('/sys/fs/cgroup/memory.current')
  if (limit === undefined || limit === 'max' || current === undefined) return Number.POSITIVE_INFINITY
  // The page cache counts as used but gives way.
  const reclaimable = Number(read('/sys/fs/cgroup/memory.stat')?.match(/^inactive_file (\d+)$/m)?.[1] ?? 0)
  return Math.max(0, Number(limit) - Number(current) + reclaimable)
}
