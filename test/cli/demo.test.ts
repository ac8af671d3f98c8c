import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const DEMO = fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url))

it('shows both severities and a refusal by Gen, and a reply that Stream flags after its harmless start', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [DEMO])
  expect(stdout).toContain('protect nobody')
  expect(stderr).toMatch(/^\nwarning: .*npx qwen3guard pull qwen3guard-gen-0\.6b.*\n$/)
  const gen = stdout.slice(stdout.indexOf('Gen judges'), stdout.indexOf('Stream judges'))
  expect(gen).toMatch(/\n +Safe +What/)
  expect(gen).toMatch(/\n +Unsafe +/)
  expect(gen).toMatch(/\n +Safe .*a refusal/)
  const { index, count } = /flagged at token (?<index>\d+) of (?<count>\d+)/.exec(stdout)?.groups ?? {}
  expect(Number(index)).toBeGreaterThan(10)
  expect(Number(index)).toBeLessThan(Number(count) - 10)
})
