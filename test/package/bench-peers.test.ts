import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

// Peers of a bench that crash or hang on this machine: their processes are ended, a line says so, and the bench goes on.
const directory = temporaryDirectory()
const bench = (name: string) => import(new URL(`../../bench/${name}`, import.meta.url).href)

/** Longest that a peer may take here. */
const LIMIT_MS = 2000
const HANGS = 'for (;;);'

function peer(name: string, body: string): string {
  const file = path.join(directory, `${name}.mjs`)
  writeFileSync(file, body)
  return pathToFileURL(file).href
}

/** A peer as a bench starts it, and what was printed of it. Node itself may take a while to start on a busy machine. */
async function start(body: string, limit = 60_000, jobLimit = limit) {
  const { Contender } = await bench('gen/contender.mjs')
  const { startOptional } = await bench('optional.mjs')
  const said: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((line) => said.push(line))
  const contender = await startOptional('a peer', async () => {
    const file = peer(`peer-${Math.random()}`, body)
    const started = await Contender.start(file, {}, {}, limit)
    started.limit = jobLimit
    return started
  })
  return { contender, said, restore: () => log.mockRestore() }
}

describe('a peer in a bench', () => {
  it.each([
    [
      'crashes when it loads',
      'process.kill(process.pid, "SIGILL"); setInterval(() => {}, 1000)',
      'it ended by SIGILL',
    ],
    ['ends when it loads', 'process.exit(3)', 'it ended with exit code 3'],
    ['hangs when it loads', HANGS, 'no answer within 2 s'],
  ])('that %s is left out', async (_, body, why) => {
    const { contender, said, restore } = await start(body, why.startsWith('no answer') ? LIMIT_MS : undefined)
    restore()
    expect(contender).toBeNull()
    expect(said).toEqual([`a peer failed on this machine and is left out from here on: ${why}`])
  })

  it.each([
    ['crashes', 'process.kill(process.pid, "SIGSEGV"); setInterval(() => {}, 1000)', 'it ended by SIGSEGV'],
    ['hangs', HANGS, 'no answer within 2 s'],
  ])('that %s in a job gives nothing from then on', async (_, job, why) => {
    const body = `export const open = async () => ({ job: async () => { ${job} } })`
    const { contender, said, restore } = await start(
      body,
      undefined,
      why.startsWith('no answer') ? LIMIT_MS : undefined,
    )
    expect(await contender.run('job')).toBeUndefined()
    expect(await contender.run('job')).toBeUndefined()
    await contender.stop()
    restore()
    expect(said).toEqual([`a peer failed on this machine and is left out from here on: ${why}`])
  })

  it.runIf(process.platform !== 'win32')('is ended where it is a Python that hangs', async () => {
    const { Torch } = await bench('torch.mjs')
    const python = path.join(directory, 'python')
    writeFileSync(python, '#!/bin/sh\necho "{\\"ready\\":\\"9\\"}"\nexec sleep 1000\n')
    chmodSync(python, 0o755)
    vi.stubEnv('QWEN3GUARD_BENCH_PYTHON', python)
    try {
      const torch = await Torch.start({ threads: 1, short: false, limit: 60_000 })
      torch.limit = LIMIT_MS
      expect(torch.version).toBe('9')
      await expect(torch.rates(1, 1)).rejects.toThrow('no answer within 2 s')
    } finally {
      vi.unstubAllEnvs()
    }
  })

  it.runIf(process.platform !== 'win32' && spawnSync('sh', ['-c', 'exit 0']).status === 0)(
    'is not measured where it is a kernel that crashes or hangs',
    async () => {
      const { measure } = await bench('kernels/bench.mjs')
      const said: string[] = []
      const log = vi.spyOn(console, 'log').mockImplementation((line) => said.push(line))
      for (const [name, body] of [
        ['crash', 'kill -ILL $$'],
        ['hang', 'exec sleep 1000'],
        ['fail', 'echo no such thing >&2; exit 1'],
      ]) {
        const program = path.join(directory, name!)
        writeFileSync(program, `#!/bin/sh\n${body}\n`)
        chmodSync(program, 0o755)
        expect(measure(program, name, true, LIMIT_MS)).toEqual([])
      }
      log.mockRestore()
      expect(said).toEqual([
        'not measured: crash (it ended by SIGILL)',
        'not measured: hang (it did not end within 2 s)',
        'not measured: fail (it ended with exit code 1: no such thing)',
      ])
    },
  )
})
