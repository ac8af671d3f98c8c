import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadBinding } from '../../lib/binding/addon.js'
import { flavoursFor } from '../../lib/binding/flavours.js'
import { judgeInChild } from '../support/addon-child.js'
import { temporaryDirectory } from '../support/temporary.js'

const BUILT = fileURLToPath(new URL('../../build/Release/qwen3guard.node', import.meta.url))
const PLATFORM = `${process.platform}-${process.arch}`
// Without a tag it is for every C library.
const NAME = 'qwen3guard.node'

const directory = temporaryDirectory()

/** A folder for QWEN3GUARD_PREBUILD with the local build under these names; null is a file that is no binary. */
function binaries(name: string, files: Record<string, string | null>): string {
  const root = path.join(directory, name)
  for (const [file, from] of Object.entries(files)) {
    const to = path.join(root, file)
    mkdirSync(path.dirname(to), { recursive: true })
    if (from) copyFileSync(from, to)
    else writeFileSync(to, 'not a binary')
  }
  return root
}

describe('loading the addon', () => {
  const flavours = flavoursFor(process.platform, process.arch)
  const prebuilt = (flavour = '') => path.join('prebuilds', PLATFORM, flavour, NAME)
  const source = path.join('build', 'Release', 'qwen3guard.node')
  let both: string
  beforeAll(() => {
    both = binaries('both', { [source]: BUILT, [prebuilt()]: BUILT })
  })

  it('takes a source build before a prebuilt binary', () => {
    expect(judgeInChild({ QWEN3GUARD_PREBUILD: both })).toMatchObject({
      path: path.join(both, source),
      flavour: null,
    })
  })

  it('takes the prebuilt binary that QWEN3GUARD_CPU names before a source build', () => {
    const slowest = flavours.at(-1)!.name
    expect(judgeInChild({ QWEN3GUARD_PREBUILD: both, QWEN3GUARD_CPU: slowest })).toMatchObject({
      path: path.join(both, prebuilt()),
      flavour: slowest,
    })
  })

  const own = loadBinding().systemInfo().flavour
  const other = flavours.find(({ name }) => name !== own)?.name
  it.runIf(flavours.some(({ name }) => name === own) && other)(
    'takes a source build of the flavour that QWEN3GUARD_CPU names where none is prebuilt',
    () => {
      const root = binaries('source-alone', { [source]: BUILT })
      const env = { QWEN3GUARD_PREBUILD: root }
      expect(judgeInChild({ ...env, QWEN3GUARD_CPU: own }).path).toBe(path.join(root, source))
      const failure = judgeInChild({ ...env, QWEN3GUARD_CPU: other! })
      expect(failure.code).toBe('ERR_ADDON_LOAD')
      expect(failure.message).toContain(`it is of flavour ${own}`)
    },
  )

  it('takes the slower flavours where the faster ones are left out or do not load', () => {
    const root = binaries('broken', {
      [prebuilt()]: BUILT,
      ...(flavours.length > 1 && { [prebuilt(flavours[0]!.name)]: null }),
    })
    const { path: file, gen } = judgeInChild({ QWEN3GUARD_PREBUILD: root })
    expect(file).toBe(path.join(root, prebuilt()))
    expect(gen![1]![0]).toContain('Unsafe')
  })

  it('passes a source build over with PREBUILDS_ONLY, as node-gyp-build does', () => {
    const { path: file } = judgeInChild({ QWEN3GUARD_PREBUILD: both, PREBUILDS_ONLY: '1' })
    expect(file).toBe(path.join(both, prebuilt()))
  })

  it('says the platform, every path it tried with the reason, and the commands', () => {
    const root = binaries('none', { [source]: null, [path.join('prebuilds', 'other-cpu', NAME)]: null })
    const { name, code, message } = judgeInChild({ QWEN3GUARD_PREBUILD: root })
    expect({ name, code }).toEqual({ name: 'AddonLoadError', code: 'ERR_ADDON_LOAD' })
    expect(message).toContain(`${PLATFORM}, Node ${process.version}`)
    const [, first, second] = message!.split('  tried:  ')
    expect(first!.split('\n')[0]).toBe(path.join(root, source))
    expect(first!.split('\n')[1]).toMatch(/\S/)
    expect(second!.split('\n')[0]).toBe(path.join(root, 'prebuilds', PLATFORM))
    expect(second!.split('\n')[1]).toContain('not there; there is other-cpu')
    expect(message).toContain('build it from source with `npx qwen3guard build`')
    const [, script] = /`node (.*)`/.exec(message!)!
    expect(existsSync(script!)).toBe(true)
  })

  it.runIf(process.platform === 'linux')('takes no binary of another C library', () => {
    const folder = path.join('prebuilds', PLATFORM)
    const root = binaries('glibc', { [path.join(folder, 'qwen3guard.glibc.node')]: BUILT })
    expect(judgeInChild({ QWEN3GUARD_PREBUILD: root, LIBC: 'musl' }).message).toContain(
      `${path.join(root, folder)}\n          none for this C library; it holds qwen3guard.glibc.node`,
    )
  })

  it.runIf(flavours.length > 1)(
    'fails for a forced flavour that is left out, though another would load',
    () => {
      const flavour = flavours.at(-2)!.name
      const failure = judgeInChild({ QWEN3GUARD_PREBUILD: both, QWEN3GUARD_CPU: flavour })
      expect(failure).toMatchObject({ code: 'ERR_ADDON_LOAD' })
      expect(failure.message).toMatch(/not there|which this CPU/)
    },
  )

  it('fails for a flavour that nobody knows', () => {
    expect(judgeInChild({ QWEN3GUARD_CPU: 'avx9' })).toMatchObject({
      code: 'ERR_ADDON_LOAD',
      message: expect.stringContaining("got 'avx9'"),
    })
  })
})

it.runIf(PLATFORM === 'linux-x64')('sees the instruction sets that the kernel sees', () => {
  const [, flags] = /^flags\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))!
  const known =
    'ssse3 sse4_1 sse4_2 popcnt avx f16c fma avx2 bmi2 avx_vnni avx512f avx512dq avx512cd avx512bw avx512vl avx512vbmi avx512_vnni avx512_bf16 amx_bf16 amx_tile amx_int8'
  const { cpu, build } = loadBinding().instructionSets()
  expect(cpu).toEqual(known.split(' ').filter((name) => flags!.split(' ').includes(name)))
  expect(cpu).toEqual(expect.arrayContaining(build))
})
