import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { flavoursFor, lacking } from '../../lib/binding/flavours.js'

// The packages that `npm run build:prebuilds -- --gpu NAME` made. Skipped where there are none.
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FOLDER = path.join(ROOT, 'prebuild-packages')
const TUPLE = `${process.platform}-${process.arch}`
const names = (existsSync(FOLDER) ? readdirSync(FOLDER) : []).filter((name) => name.endsWith(`-${TUPLE}`))

const SYSTEM = /^(libc|libm|libdl|libpthread|librt|libgcc_s|libstdc\+\+|ld-linux[\w-]*)\.so\.\d+$/
const LIBRARIES: Record<string, RegExp> = {
  cuda: /^lib(cudart|cublas)\.so\.\d+$/, // not libcuda: without a driver the addon must be able to say so
  vulkan: /^libvulkan\.so\.1$/,
}

function tool(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8' })
}

// A file without a test is an error.
if (names.length === 0) it.skip('needs packages: npm run build:prebuilds -- --gpu NAME')

describe.each(names)('the package %s', (name) => {
  const folder = path.join(FOLDER, name)
  const file = path.join(folder, 'qwen3guard.node')
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  const { backends, needs } = manifest.qwen3guard as { backends: string[]; needs: string[] }

  it('has the name of its back ends and this version', () => {
    const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
    expect(manifest).toMatchObject({
      name: `@qwen3guard/${backends.join('-')}-${TUPLE}`,
      version,
      os: [process.platform],
      cpu: [process.arch],
      main: 'qwen3guard.node',
    })
  })

  it('packs its addon, licences and a README, and nothing else', () => {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
    const [packed] = JSON.parse(
      execFileSync(npm, ['pack', '--dry-run', '--json', '--silent'], {
        cwd: folder,
        encoding: 'utf8',
        shell: process.platform === 'win32',
      }),
    )
    const files = packed.files.map((entry: { path: string }) => entry.path)
    expect(files.sort()).toEqual([
      'LICENSE',
      'README.md',
      'THIRD-PARTY-LICENSES',
      'package.json',
      'qwen3guard.node',
    ])
  })

  it('needs a CPU of one flavour', () => {
    const flavours = flavoursFor(process.platform, process.arch)
    expect(flavours.map((flavour) => flavour.needs)).toContainEqual(needs)
  })

  // It is asked itself, and CUDA's libraries need not be here.
  it.runIf(!backends.includes('cuda'))('was compiled for no instruction set that it does not name', () => {
    const program = `console.log(JSON.stringify(require(${JSON.stringify(file)}).instructionSets()))`
    const { build } = JSON.parse(tool(process.execPath, '-e', program)) as { build: string[] }
    expect(lacking(build, needs)).toEqual([])
  })

  describe.runIf(process.platform === 'linux')('on Linux', () => {
    it('exports its Node-API entry and nothing else, and is stripped', () => {
      const symbols = tool('nm', '-D', '--defined-only', file)
        .trim()
        .split('\n')
        .map((line) => line.split(' ').at(-1))
      expect(symbols.sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1'])
      expect(tool('readelf', '--section-headers', '--wide', file)).not.toMatch(/\.symtab|\.debug/)
    })

    it("links its back ends' libraries and the system's, and has no path of the machine that built it", () => {
      const dynamic = tool('readelf', '--dynamic', file)
      const libraries = [...dynamic.matchAll(/NEEDED.*\[(.*)\]/g)].map(([, library]) => library!)
      const allowed = [SYSTEM, ...backends.map((backend) => LIBRARIES[backend]!)]
      expect(libraries.filter((library) => !allowed.some((pattern) => pattern.test(library)))).toEqual([])
      const [, runpath = ''] = /R(?:UN)?PATH.*\[(.*)\]/.exec(dynamic) ?? []
      expect(
        runpath.split(':').filter((place) => !['', '$ORIGIN', '/usr/local/cuda/lib64'].includes(place)),
      ).toEqual([])
    })
  })
})
