import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../../scripts/sanitizers/tsan.mjs', import.meta.url))

/** Whether the compiler links programs with this sanitizer here. */
function links(sanitize: string): boolean {
  const words = [`-fsanitize=${sanitize}`, '-x', 'c++', '-', '-o', '/dev/null']
  return process.platform === 'linux' && spawnSync('c++', words, { input: 'int main() {}' }).status === 0
}

// The program fails by itself where a request gets no answer, two, or another's; the sanitizer fails it for a race or a leak.
describe('engines that many threads use, cancel, fail and close', () => {
  for (const sanitize of ['thread']) {
    it.runIf(links(sanitize))(
      `answer each request once, rightly, without a fault that ${sanitize} finds`,
      () => {
        const words = [SCRIPT, '--seconds', '2', '--seed', '1', '--sanitize', sanitize]
        const done = JSON.parse(
          execFileSync(process.execPath, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
        )
        expect(done.done).toBeGreaterThan(100)
        expect(done.cancelled).toBeGreaterThan(0)
        expect(done.closed).toBeGreaterThan(0)
      },
      300_000,
    )
  }
})
