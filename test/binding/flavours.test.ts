import { describe, expect, it } from 'vitest'
import { flavoursFor, flavoursToTry, forcedFlavour } from '../../lib/binding/flavours.js'
import { AddonLoadError } from '../../lib/errors.js'

// What `grep flags /proc/cpuinfo` has of them.
const NEHALEM = ['ssse3', 'sse4_1', 'sse4_2', 'popcnt']
const HASWELL = [...NEHALEM, 'avx', 'f16c', 'fma', 'avx2', 'bmi2']
const SKYLAKE_X = [...HASWELL, 'avx512f', 'avx512dq', 'avx512cd', 'avx512bw', 'avx512vl']
const ICE_LAKE = [...SKYLAKE_X, 'avx512vbmi', 'avx512_vnni']
const ALDER_LAKE = [...HASWELL, 'avx_vnni']
const SAPPHIRE_RAPIDS = [...ICE_LAKE, 'avx_vnni', 'avx512_bf16', 'amx_bf16', 'amx_tile', 'amx_int8']
const CORE_2 = ['ssse3', 'sse4_1']

const x64 = flavoursFor('linux', 'x64')

function namesFor(cpu: string[], forced?: string): string[] {
  return flavoursToTry(x64, cpu, forcedFlavour(x64, forced)).map(({ name }) => name)
}

describe('the flavour of a prebuilt binary', () => {
  it.each([
    ['Sapphire Rapids', SAPPHIRE_RAPIDS, ['amx', 'avx512', 'avx-vnni', 'avx2', 'x86-64-v2']],
    [
      'Sapphire Rapids whose system permits no tiles',
      SAPPHIRE_RAPIDS.filter((name) => !name.startsWith('amx')),
      ['avx512', 'avx-vnni', 'avx2', 'x86-64-v2'],
    ],
    ['Alder Lake, which lacks AVX-512', ALDER_LAKE, ['avx-vnni', 'avx2', 'x86-64-v2']],
    ['Ice Lake', ICE_LAKE, ['avx512', 'avx2', 'x86-64-v2']],
    ['Skylake-X, which lacks VNNI', SKYLAKE_X, ['avx2', 'x86-64-v2']],
    ['Haswell', HASWELL, ['avx2', 'x86-64-v2']],
    ['AVX2 without FMA', HASWELL.filter((name) => name !== 'fma'), ['x86-64-v2']],
    ['Nehalem', NEHALEM, ['x86-64-v2']],
    ['Core 2', CORE_2, []],
  ])('is the fastest that the CPU runs: %s', (_name, cpu, names) => {
    expect(namesFor(cpu)).toEqual(names)
  })

  it('is the forced one and no other', () => {
    expect(namesFor(ICE_LAKE, 'avx2')).toEqual(['avx2'])
    expect(namesFor(ICE_LAKE, '')).toEqual(namesFor(ICE_LAKE))
  })

  it('is refused by name if it is unknown', () => {
    expect(() => namesFor(ICE_LAKE, 'avx9')).toThrow(AddonLoadError)
    expect(() => namesFor(ICE_LAKE, 'avx9')).toThrow(
      "expected QWEN3GUARD_CPU to be amx, avx512, avx-vnni, avx2 or x86-64-v2, got 'avx9'",
    )
  })

  it('is refused with what the CPU lacks, and what it runs instead', () => {
    expect(() => namesFor(SKYLAKE_X, 'avx512')).toThrow(AddonLoadError)
    expect(() => namesFor(SKYLAKE_X, 'avx512')).toThrow(
      /QWEN3GUARD_CPU=avx512 needs avx512_vnni, which .* What runs here: avx2 or x86-64-v2/,
    )
    expect(() => namesFor(CORE_2, 'x86-64-v2')).toThrow(/needs sse4_2, popcnt, .* No prebuilt flavour runs/)
  })

  it('is for AMX on Linux alone: the kernels ask no other system for tiles', () => {
    const windows = flavoursFor('win32', 'x64').map(({ name }) => name)
    expect(windows).toEqual(['avx512', 'avx-vnni', 'avx2', 'x86-64-v2'])
  })

  it('is chosen on ARM Linux too', () => {
    const arm64 = flavoursFor('linux', 'arm64')
    const names = (cpu: string[]) => flavoursToTry(arm64, cpu, undefined).map(({ name }) => name)
    expect(names(['asimdhp', 'asimddp', 'i8mm'])).toEqual(['i8mm', 'dotprod', 'armv8'])
    expect(names(['asimdhp', 'asimddp'])).toEqual(['dotprod', 'armv8'])
    expect(names([])).toEqual(['armv8'])
  })

  it('is one where there is no choice', () => {
    const apple = flavoursFor('darwin', 'arm64')
    expect(apple).toEqual([{ name: 'portable', needs: [] }])
    expect(() => forcedFlavour(apple, 'avx2')).toThrow("expected QWEN3GUARD_CPU to be portable, got 'avx2'")
  })
})
