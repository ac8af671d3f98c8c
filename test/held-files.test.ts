import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { pauses, removeFile, removeTree, renameFile, whileHeld } from '../lib/held-files.js'
import { temporaryDirectory } from './support/temporary.js'

const directory = temporaryDirectory()

const failure = (code: string) => Object.assign(new Error(`${code}: rename`), { code, syscall: 'rename' })

/** Fails so many times, then succeeds; `waited` sums up the pauses that were asked for. */
function held(code: string, times: number) {
  const state = { tries: 0, waited: 0 }
  const act = async () => {
    state.tries += 1
    if (state.tries <= times) throw failure(code)
    return 'done'
  }
  const wait = (async (ms: number) => {
    state.waited += ms
  }) as typeof import('node:timers/promises').setTimeout
  return { state, act, wait }
}

describe('whileHeld', () => {
  it.each(['EPERM', 'EACCES', 'EBUSY'])(
    'tries again on Windows what fails with %s for a while',
    async (code) => {
      const { state, act, wait } = held(code, 5)
      await expect(whileHeld(act, { platform: 'win32', wait })).resolves.toBe('done')
      expect(state.tries).toBe(6)
    },
  )

  it('gives up after ten seconds with the error of the disk, and says what to do', async () => {
    const { state, act, wait } = held('EBUSY', Number.POSITIVE_INFINITY)
    await expect(whileHeld(act, { platform: 'win32', wait })).rejects.toMatchObject({
      code: 'EBUSY',
      message: expect.stringContaining('EBUSY: rename: another program has held it for 10 s'),
    })
    expect(state.waited).toBe(10_000)
  })

  it.each([
    ['win32', 'ENOENT'],
    ['linux', 'EPERM'],
    ['darwin', 'EACCES'],
  ] as const)('on %s throws %s at once, as it came', async (platform, code) => {
    const { state, act, wait } = held(code, 1)
    await expect(whileHeld(act, { platform, wait })).rejects.toMatchObject({
      code,
      message: `${code}: rename`,
    })
    expect(state).toEqual({ tries: 1, waited: 0 })
  })

  it('never pauses for nothing, nor longer than is left', () => {
    expect([...pauses(100)]).toEqual([10, 20, 40, 30])
  })
})

describe('files', () => {
  it('take the place of others, and go with all that is in them', async () => {
    const [one, other] = [path.join(directory, 'one'), path.join(directory, 'other')]
    writeFileSync(one, 'new')
    writeFileSync(other, 'old')
    await renameFile(one, other)
    expect(readFileSync(other, 'utf8')).toBe('new')
    await expect(renameFile(one, other)).rejects.toMatchObject({ code: 'ENOENT' })
    await removeFile(other)
    await removeFile(other)
    await removeTree(path.join(directory, 'none'))
    expect(readdirSync(directory)).toEqual([])
  })
})

it('is the one place where lib renames and removes', () => {
  const lib = fileURLToPath(new URL('../lib', import.meta.url))
  const elsewhere = readdirSync(lib, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.ts') && name !== 'held-files.ts')
    .filter((name) =>
      /^import [^;]*?\b(rm|rmSync|rename|renameSync|unlink|unlinkSync|rmdir)\b[^;]*? from 'node:fs/m.test(
        readFileSync(path.join(lib, name), 'utf8'),
      ),
    )
  expect(elsewhere).toEqual([])
})
