import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const OLDER_NODE = Number(process.versions.node.split('.')[0]) < 22

// The newest SDKs want a newer Node than the package does. It comes from npm, so this needs a registry.
it.runIf(OLDER_NODE && process.env.CI)(
  'the adapters pass their tests under Node 24, with the newest SDKs too',
  { timeout: 300_000 },
  async () => {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
    const run = promisify(execFile)(npm, ['run', '--silent', 'test:newer-node'], {
      cwd: ROOT,
      shell: process.platform === 'win32',
      maxBuffer: 1 << 26,
    })
    const { stdout } = await run.catch((error) => {
      throw new Error(`${error.stdout}\n${error.stderr}`)
    })
    for (const name of ['AI SDK 7', 'OpenAI SDK 7', 'for the AI SDK answers an interface']) {
      expect(stdout).toContain(name)
    }
    expect(stdout).not.toContain('failed')
  },
)
