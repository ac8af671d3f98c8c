import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

// The commands that need other runtimes and systems than this one; package-managers.test.ts tries the first on this Node.js.
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const stderrOf = (...words: string[]) => {
  const { status, stderr } = spawnSync(process.execPath, words, { cwd: ROOT, encoding: 'utf8' })
  return { status, stderr }
}

it('test:runtimes names the runtimes that it knows', () => {
  expect(stderrOf('scripts/test-runtimes.mjs', '--only', 'Node.js 8')).toEqual({
    status: 1,
    stderr: expect.stringContaining(
      'Node.js 20.19, Node.js 22, Node.js 24, Node.js newest, Bun, Deno, Electron',
    ),
  })
})

it('test:windows names its steps, or what is missing to run Windows programs', () => {
  expect(stderrOf('scripts/test-windows.mjs', 'none')).toEqual({
    status: 1,
    stderr: expect.stringMatching(/expected paths, held, model, .* got none|wine/),
  })
})
