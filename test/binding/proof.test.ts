import { copyFileSync, mkdirSync, readdirSync, statSync, utimesSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { addon, loadBinding } from '../../lib/binding/addon.js'
import { flavoursFor } from '../../lib/binding/flavours.js'
import { faultOf, proveAddon } from '../../lib/binding/proof.js'
import { judgeInChild } from '../support/addon-child.js'
import { compileBrokenAddon } from '../support/broken-addon.js'
import { temporaryDirectory } from '../support/temporary.js'

const BUILT = fileURLToPath(new URL('../../build/Release/qwen3guard.node', import.meta.url))
const directory = temporaryDirectory()
const broken = path.join(directory, 'broken.node')
const early = path.join(directory, 'early.node')
const compiled = compileBrokenAddon(broken)
const limitMs = 120_000

describe('the self-test of an addon', () => {
  it('multiplies weights of every type by every kind of kernels of this CPU, and asks both demonstration models', () => {
    const { products, verdicts, fault, untried } = proveAddon(addon().path, { models: true, limitMs })
    expect({ fault, untried }).toEqual({ fault: null, untried: null })
    const plain = products.filter(({ kernel }) => kernel === 'CPU').map(({ type }) => type)
    const types = 'f32 f16 bf16 q8_0 q6_K q5_K q4_K q4_0 iq4_nl q5_0 q5_1 q4_1 q2_K q3_K'
    expect(plain).toEqual(types.split(' '))
    // Not the products of exact arithmetic: a test that compared nothing would say 0.
    expect(
      Math.min(...products.filter(({ type }) => type !== 'f32').map(({ worst }) => worst)),
    ).toBeGreaterThan(0)
    const rearranged = products.filter(({ kernel }) => kernel !== 'CPU').map(({ type }) => type)
    expect(rearranged.includes('q8_0')).toBe(loadBinding().repacks('q8_0'))
    expect(verdicts.map(({ model, said }) => [model, said])).toEqual([
      ['demo-gen', 'Unsafe'],
      ['demo-stream', 'Unsafe'],
    ])
  })

  it('includes the kernels for tiles where CPU and system have them', () => {
    const { cpu } = loadBinding().instructionSets()
    const { products } = proveAddon(addon().path, { models: false, limitMs })
    const byTiles = products.filter(({ kernel }) => kernel === 'AMX').map(({ type }) => type)
    const has = cpu.includes('amx_int8') && loadBinding().systemInfo().cpuFeatures.includes('AMX_INT8')
    expect(byTiles).toEqual(has ? expect.arrayContaining(['f16', 'q8_0', 'q4_K', 'q4_0']) : [])
  })

  it('finds products and verdicts that are wrong', () => {
    const right = { type: 'q8_0', kernel: 'CPU', worst: 0.001 } as const
    const verdict = { model: 'demo-gen', said: 'Unsafe', expected: 'Unsafe' }
    expect(faultOf({ products: [right], verdicts: [verdict] })).toBe(null)
    const wrong = { type: 'q4_K', kernel: 'AMX', worst: 0.05 } as const
    expect(faultOf({ products: [right, wrong], verdicts: [] })).toBe('its products of q4_K (AMX) are wrong')
    expect(faultOf({ products: [{ ...right, worst: Number.NaN }], verdicts: [] })).toContain('q8_0 (CPU)')
    expect(faultOf({ products: [right], verdicts: [{ ...verdict, said: 'Safe' }] })).toBe(
      'by it demo-gen says Safe where Unsafe is right',
    )
  })

  it('says why a file cannot be tried, which is no fault of its code', () => {
    const { fault, untried } = proveAddon(path.join(directory, 'none.node'), { models: false, limitMs })
    expect(fault).toBe(null)
    expect(untried).toContain('none.node')
  })

  it.runIf(compileBrokenAddon(early, { early: true }))(
    'holds against no binary what ends the process before a kernel runs, as a limit on threads or memory does',
    () => {
      const { fault, untried } = proveAddon(early, { models: false, limitMs })
      expect(fault).toBe(null)
      expect(untried).toMatch(/SIGILL|SIGTRAP/)
    },
  )

  it.runIf(compiled)('survives a binary that ends its process', () => {
    expect(proveAddon(broken, { models: false, limitMs })).toMatchObject({
      fault: expect.stringMatching(/SIGILL|SIGTRAP/),
      untried: null,
    })
  })
})

const flavours = flavoursFor(process.platform, process.arch)

describe.runIf(compiled && flavours.length > 1)('a binary that this CPU never ran', () => {
  /** A folder for QWEN3GUARD_PREBUILD whose source build, or faster flavours, are broken; the slowest is not. */
  function folder(name: string, source: boolean): string {
    const prebuilds = path.join('prebuilds', `${process.platform}-${process.arch}`)
    const faster = flavours.slice(0, -1).map((flavour) => path.join(prebuilds, flavour.name))
    for (const at of source ? [path.join('build', 'Release')] : faster) {
      mkdirSync(path.join(directory, name, at), { recursive: true })
      copyFileSync(broken, path.join(directory, name, at, 'qwen3guard.node'))
    }
    mkdirSync(path.join(directory, name, prebuilds), { recursive: true })
    copyFileSync(BUILT, path.join(directory, name, prebuilds, 'qwen3guard.node'))
    return path.join(directory, name)
  }

  it.each([
    ['a prebuilt flavour', false],
    ['a source build', true],
  ])('is tried in a child process, and passed over where it dies: %s', (name, source) => {
    const root = folder(name.replaceAll(' ', '-'), source)
    const { path: file, gen } = judgeInChild({ QWEN3GUARD_PREBUILD: root })
    expect(file).toMatch(/prebuilds.[\w-]+.qwen3guard\.node$/)
    expect(gen![1]![0]).toContain('Unsafe')
  })

  it('is named with how it died where nothing else is there', () => {
    const root = folder('alone', false)
    const failure = judgeInChild({ QWEN3GUARD_PREBUILD: root, QWEN3GUARD_CPU: flavours.at(-2)!.name })
    // Which flavours this CPU runs is not known here: one that it lacks is refused before.
    expect(failure.code).toBe('ERR_ADDON_LOAD')
    expect(failure.message).toMatch(/its self-test ended with SIG(ILL|TRAP)|which this CPU/)
  })

  it('is tried once: what passed is remembered until the file changes', () => {
    const root = path.join(directory, 'once')
    const file = path.join(root, 'build', 'Release', 'qwen3guard.node')
    mkdirSync(path.dirname(file), { recursive: true })
    copyFileSync(BUILT, file)
    const QWEN3GUARD_CACHE = path.join(directory, 'cache')
    const tried = () => readdirSync(path.join(QWEN3GUARD_CACHE, 'probes')).length
    const judge = () => judgeInChild({ QWEN3GUARD_PREBUILD: root, QWEN3GUARD_CACHE }).path
    expect(judge()).toBe(file)
    const [record] = readdirSync(path.join(QWEN3GUARD_CACHE, 'probes'))
    const written = () => statSync(path.join(QWEN3GUARD_CACHE, 'probes', record!)).mtimeMs
    const first = written()
    expect(judge()).toBe(file)
    expect({ tried: tried(), written: written() }).toEqual({ tried: 1, written: first })
    copyFileSync(broken, file)
    expect(judge()).not.toBe(file)
    copyFileSync(BUILT, file)
    expect(judge()).toBe(file)
    utimesSync(file, new Date(), new Date(Date.now() - 60_000))
    expect(judge()).toBe(file)
    expect(tried()).toBe(3)
  })

  it('is not tried with QWEN3GUARD_SELF_TEST=0', () => {
    const root = folder('off', true)
    // Loaded, and without what a model needs: nothing else was looked for.
    const failure = judgeInChild({ QWEN3GUARD_PREBUILD: root, QWEN3GUARD_SELF_TEST: '0' })
    expect(failure.message).not.toContain('self-test')
    expect(failure.name).toBe('TypeError')
  })
})
