import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { failingMemory } from '../support/preloaded.js'
import { temporaryDirectory } from '../support/temporary.js'

const CHILD = fileURLToPath(new URL('../support/thread-limit-child.mjs', import.meta.url))
// The pool's three beside the engine's own.
const WANTED = 4

function load(more: number, runner: string[], env: Record<string, string> = {}): string {
  const [command, ...words] = [...runner, process.execPath, '--no-warnings', CHILD, String(more)]
  const { status, signal, stdout, stderr } = spawnSync(command as string, words, {
    encoding: 'utf8',
    // More than there may be CPUs here.
    env: { ...process.env, QWEN3GUARD_THREADS_INSIST: '1', ...env },
  })
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  return stdout.trim()
}

function expectTyped(loadWith: (more: number) => string): void {
  for (let more = 0; more < WANTED; more++) {
    expect(loadWith(more)).toMatch(/^ERR_MEMORY: the system gave .* \(a limit on processes or threads\?\)/)
  }
  expect(loadWith(WANTED)).toBe('judged')
}

// A user with no other process, so that only the child's threads count; root is not bound by the limit.
const STRANGER = ['setpriv', '--reuid=64357', '--regid=64357', '--clear-groups']

/** Why the system's own limit cannot be tried here, or null. */
function hindrance(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root can become another user'
  const [command, ...words] = [...STRANGER, process.execPath, '--version']
  if (spawnSync(command as string, words).status !== 0) return 'setpriv cannot start Node as another user'
  const [, ...stranger] = STRANGER
  if (spawnSync(command as string, [...stranger, 'test', '-r', CHILD]).status !== 0) {
    return 'the other user cannot read this checkout'
  }
  if (spawnSync('prlimit', ['--version']).status !== 0) return 'there is no prlimit'
  return null
}

describe('a system that gives too few threads', () => {
  const library = failingMemory(temporaryDirectory())

  it.skipIf(library === null)('is a typed error at load, whichever thread is refused', () => {
    expectTyped((more) => load(more, [], { LD_PRELOAD: library as string }))
  })

  it('is that with a limit on the processes of a user', ({ skip }) => {
    const reason = hindrance()
    if (reason !== null) skip(reason)
    expectTyped((more) => load(more, STRANGER, { HOME: '/nonexistent' }))
  })
})
