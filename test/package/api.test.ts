import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

it('the public surface is what test/package/api says; if it is meant to change, `npm run api:report`', () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['scripts/api-report.mjs', '--check'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  expect({ stdout, status }, stderr).toEqual({ stdout: '', status: 0 })
}, 180_000)
