import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { loadBinding } from '../../lib/binding/addon.js'
import { flavoursFor, lacking } from '../../lib/binding/flavours.js'
import { judgeInChild, type Verdicts } from '../support/addon-child.js'
import { temporaryDirectory } from '../support/temporary.js'

// The binaries that `npm run build:prebuilds` made. Skipped where there are none, but not in `npm run test:prebuild`.
const PLATFORM = `${process.platform}-${process.arch}`
const FOLDER = fileURLToPath(new URL(`../../prebuilds/${PLATFORM}`, import.meta.url))
const wanted = existsSync(FOLDER) || process.env.npm_lifecycle_event === 'test:prebuild'

/** Not those for musl, which lie beside them: platforms.test.ts reads these. */
const isOurs = (name: string) => name.endsWith('.node') && !name.endsWith('.musl.node')
const NAME = wanted ? readdirSync(FOLDER).find(isOurs)! : ''
const flavours = flavoursFor(process.platform, process.arch)
const files = flavours.map(({ name }, at) => (at === flavours.length - 1 ? NAME : path.join(name, NAME)))
const { cpu } = loadBinding().instructionSets()

/** The newest symbol version of each library that docs/install.md allows. */
const NEWEST = { GLIBC: '2.34', GLIBCXX: '3.4.30', CXXABI: '1.3.13', GCC: '3.4' }

/** A folder with the prebuilt binaries and no source build. */
const withoutSourceBuild = temporaryDirectory()
if (wanted) symlinkSync(path.dirname(FOLDER), path.join(withoutSourceBuild, 'prebuilds'), 'junction')

const EMULATOR = 'qemu-x86_64-static'
const hasEmulator = PLATFORM === 'linux-x64' && spawnSync(EMULATOR, ['--version']).status === 0

function tool(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8' })
}

describe.runIf(wanted)('the prebuilt binaries', () => {
  it('are there for every flavour', () => {
    const found = readdirSync(FOLDER, { recursive: true }).map(String)
    expect(found.filter(isOurs).sort()).toEqual([...files].sort())
  })

  describe.runIf(process.platform === 'linux').each(files)('%s', (name) => {
    const file = path.join(FOLDER, name)

    it('exports its Node-API entry and nothing else', () => {
      const names = tool('nm', '-D', '--defined-only', file)
        .trim()
        .split('\n')
        .map((line) => line.split(' ').at(-1))
      expect(names.sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1'])
    })

    it('names no folder of the machine that made it', () => {
      const script = fileURLToPath(new URL('../../scripts/test-reproducible.mjs', import.meta.url))
      expect(tool(process.execPath, script, '--short', file)).toContain('names no folder')
    })

    it('is stripped', () => {
      expect(tool('readelf', '--section-headers', '--wide', file)).not.toMatch(/\.symtab|\.debug/)
    })

    it('needs glibc and libstdc++, no newer than documented, and nothing else', () => {
      const libraries = [...tool('readelf', '--dynamic', file).matchAll(/NEEDED.*\[(.*)\]/g)].map(
        ([, n]) => n,
      )
      const system = /^(libc|libm|libdl|libpthread|librt|libgcc_s|libstdc\+\+|ld-linux[\w-]*)\.so\.\d+$/
      expect(libraries.filter((library) => !system.test(library!))).toEqual([])
      const needed = tool('readelf', '--version-info', file)
      for (const [library, newest] of Object.entries(NEWEST)) {
        const versions = [...needed.matchAll(new RegExp(`Name: ${library}_([\\d.]+)`, 'g'))].map(
          ([, v]) => v!,
        )
        const sorted = [...versions, newest].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
        expect(sorted.at(-1), library).toBe(newest)
      }
    })
  })

  // Instructions of the VEX and EVEX encodings start with v.
  it.runIf(PLATFORM === 'linux-x64')('have the instructions of their flavour and no others', () => {
    const found = files.map((name) => {
      const code = execFileSync('objdump', ['--disassemble', '--no-show-raw-insn', path.join(FOLDER, name)], {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      })
      const has = (pattern: RegExp) => pattern.test(code)
      return {
        avx: has(/:\s+v(?!err|erw|m)\w+ /),
        avx512: has(/%(zmm|k[1-7]\b|[xy]mm(1[6-9]|2\d|3[01]))/),
        vnni: has(/vpdpbusd .*%zmm/), // what native/kernels/avx512-vnni.cc computes Q8_0 with
        // The same instruction by AVX-VNNI's encoding, which objdump marks.
        avxVnni: has(/\{vex\} vpdpbusd /),
        tiles: has(/tdpb(ss|su|us|uu)d .*%tmm/),
      }
    })
    const none = { avx: false, avx512: false, vnni: false, avxVnni: false, tiles: false }
    const avx512 = { ...none, avx: true, avx512: true, vnni: true }
    expect(Object.fromEntries(found.map((has, at) => [flavours[at]!.name, has]))).toEqual({
      amx: { ...avx512, tiles: true },
      avx512,
      'avx-vnni': { ...none, avx: true, avxVnni: true },
      avx2: { ...none, avx: true },
      'x86-64-v2': none,
    })
  })

  const runs = flavours.filter(({ needs }) => lacking(needs, cpu).length === 0)

  it('are chosen by CPU', () => {
    expect(judgeInChild({ QWEN3GUARD_PREBUILD: withoutSourceBuild }).flavour).toBe(runs[0]!.name)
  })

  it('load where the CPU has what they need, and agree', () => {
    const judged = runs.map(({ name }) => judgeInChild({ QWEN3GUARD_CPU: name }))
    expect(judged.map(({ flavour }) => flavour)).toEqual(runs.map(({ name }) => name))
    for (const verdicts of judged) expectSameVerdicts(verdicts, judged[0]!)
  })

  // Its kernels ask for permission to use tiles, and others take their place: an image that lost it still judges.
  const amx = files.find((_name, at) => flavours[at]!.name === 'amx')
  const beside = ['avx512_vnni', 'avx512vbmi', 'avx512_bf16']
  it.runIf(amx && lacking(beside, cpu).length === 0 && !cpu.includes('amx_tile'))(
    'judge without tiles where the system refuses them, and say so in the log alone',
    () => {
      const root = temporaryDirectory()
      mkdirSync(path.join(root, 'build', 'Release'), { recursive: true })
      const file = path.join(root, 'build', 'Release', 'qwen3guard.node')
      copyFileSync(path.join(FOLDER, amx!), file)
      const verdicts = judgeInChild({ QWEN3GUARD_PREBUILD: root })
      expect(verdicts.path).toBe(file)
      expectSameVerdicts(verdicts, judgeInChild({ QWEN3GUARD_CPU: flavours.at(-1)!.name }))
      const program = `
        const binding = require(${JSON.stringify(file)})
        const lines = []
        binding.setLog('warn', (_level, text) => lines.push(text))
        binding.repacks('q8_0')
        setImmediate(() => { binding.setLog('warn', null); console.log(JSON.stringify(lines)) })`
      const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' })
      expect({ stderr, lines: JSON.parse(stdout) }).toEqual({
        stderr: '',
        lines: ['AMX is not ready to be used!'],
      })
    },
  )

  const refused = flavours.filter((flavour) => !runs.includes(flavour))
  it.runIf(refused.length > 0)('are refused by name where the CPU lacks what they need', () => {
    for (const { name } of refused) {
      expect(judgeInChild({ QWEN3GUARD_CPU: name })).toMatchObject({ code: 'ERR_ADDON_LOAD' })
    }
  })

  // Any CPU up to AVX2, on any machine: an instruction that it lacks ends the process.
  describe.runIf(hasEmulator)('on an emulated CPU', () => {
    it.each([
      ['Nehalem', 'x86-64-v2', 'avx2'],
      ['Haswell', 'avx2', 'avx512'],
      ['Haswell', 'avx2', 'avx-vnni'],
    ])(
      '%s: %s judges, %s is refused',
      (model, flavour, refused) => {
        const emulated = (env: Record<string, string>) => judgeInChild(env, [EMULATOR, '-cpu', model])
        const verdicts = emulated({ QWEN3GUARD_PREBUILD: withoutSourceBuild })
        expect(verdicts.flavour).toBe(flavour)
        expectSameVerdicts(verdicts, judgeInChild({ QWEN3GUARD_CPU: flavours.at(-1)!.name }))
        expect(emulated({ QWEN3GUARD_CPU: refused }).message).toMatch(
          new RegExp(`^QWEN3GUARD_CPU=${refused} needs .*What runs here: ${flavour}`),
        )
      },
      300_000,
    )
  })
})

/** Equal labels; the flavours add in other orders, so activations are rounded the other way now and then. */
function expectSameVerdicts(one: Partial<Verdicts>, other: Partial<Verdicts>): void {
  for (const model of ['gen', 'stream'] as const) {
    const labels = (verdicts: Partial<Verdicts>) => verdicts[model]!.map(([label]) => label)
    expect(labels(one)).toEqual(labels(other))
    const apart = one[model]!.map(([, unsafe], at) => Math.abs(unsafe - other[model]![at]![1]))
    expect(Math.max(...apart)).toBeLessThan(0.01)
  }
}
