import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const CHILD = fileURLToPath(new URL('../support/switches-child.mjs', import.meta.url))

/** Ten checks by so many threads, all on one CPU: how often threads went to sleep, and the verdicts. */
function checks(threads: number): { switches: number; texts: string[] } {
  const words = ['-c', '0', process.execPath, '--no-warnings', CHILD, String(threads)]
  const env = { ...process.env, QWEN3GUARD_THREADS_INSIST: '1' }
  return JSON.parse(execFileSync('taskset', words, { encoding: 'utf8', env }))
}

// Linux counts the switches of all threads of a process, and can keep it on one CPU.
describe.runIf(process.platform === 'linux')('threads that wait for another', () => {
  it('sleep where it needs their CPU, and compute the same', () => {
    const alone = checks(1)
    // Only the decode thread, and its reports to the event loop.
    expect(alone.switches).toBeLessThan(200)
    // Each check passes some hundreds of barriers; threads that spin there until they are preempted sleep at none.
    for (const threads of [2, 7]) {
      const { switches, texts } = checks(threads)
      expect(switches).toBeGreaterThan(1000)
      expect(texts).toEqual(alone.texts)
    }
  })
})
