import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const directory = temporaryDirectory()
const linux = process.platform === 'linux'

function build(words: string[], env: Record<string, string> = {}) {
  return spawnSync(process.execPath, ['scripts/build.mjs', ...words], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, npm_config_gpu: '', ...env },
  })
}

/** The value of an expression over the exports of a script, `m`, in a process of its own. */
function evaluate(script: string, expression: string, env: Record<string, string>): unknown {
  const source = pathToFileURL(path.join(ROOT, 'scripts', script)).href
  const program = `import * as m from ${JSON.stringify(source)}; process.stdout.write(JSON.stringify(${expression}))`
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', env }),
  )
}

/** A folder for PATH with shell scripts in place of the programs of that name. */
function programs(name: string, scripts: Record<string, string>): string {
  const folder = path.join(directory, name)
  mkdirSync(folder)
  symlinkSync('/bin/sh', path.join(folder, 'sh'))
  for (const [program, body] of Object.entries(scripts)) {
    writeFileSync(path.join(folder, program), `#!/bin/sh\n${body}\n`, { mode: 0o755 })
  }
  return folder
}

function nvcc(release: string, ...capabilities: string[]): string {
  const list = capabilities.map((name) => `echo compute_${name}`).join('; ')
  return `case "$1" in --version) echo "release ${release}, V${release}.1";; --list-gpu-arch) ${list};; esac`
}

describe('--gpu', () => {
  it('names the back ends of this platform for one that it does not know', () => {
    for (const words of [['--gpu', 'rocm'], ['--gpu=vulkan,rocm'], ['--gpu', 'vulkan', '--gpu', 'rocm']]) {
      const { status, stderr } = build(words)
      expect(status).toBe(1)
      expect(stderr).toMatch(/expected --gpu to be followed by .*vulkan.*, got 'rocm'/)
      expect(stderr).not.toContain('    at ')
    }
    expect(build(['--gpu']).stderr).toContain('got nothing')
  })

  it('gives one addon all back ends that are named, in one order', () => {
    const option = (...words: string[]) =>
      evaluate('gpu-backends.mjs', `m.gpuOption(${JSON.stringify(words)}).gpu`, {})
    const both = process.platform === 'darwin' ? ['metal', 'vulkan'] : ['cuda', 'vulkan']
    expect(option('--gpu', 'vulkan', '--debug', `--gpu=${both[0]}`)).toEqual(both)
    expect(option('--gpu', `vulkan,${both[0]},vulkan`)).toEqual(both)
    expect(option('--gpu', 'none')).toEqual([])
    expect(evaluate('gpu-backends.mjs', `m.addonName(${JSON.stringify(both)})`, {})).toBe(both.join('+'))
  })

  it('is not lost where npm took it for an option of its own', () => {
    const { status, stderr } = build(['vulkan'], { npm_config_gpu: 'true' })
    expect(status).toBe(1)
    expect(stderr).toContain('npm run build -- --gpu vulkan')
  })

  it('reaches the script of `npm run build:prebuilds`, which makes no CPU flavours then', () => {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
    const run = spawnSync(npm, ['run', 'build:prebuilds', '--', '--gpu', 'rocm'], {
      cwd: ROOT,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    })
    expect(run.status).toBe(1)
    expect(run.stderr).toContain("got 'rocm'")
    expect(run.stderr).not.toContain('flavour ')
  })

  it('is how a GPU back end is built: a definition would put one into the addon for the CPU', () => {
    const refused = [build(['-DGGML_VULKAN=ON']), build([], { QWEN3GUARD_CMAKE: '-DGGML_VULKAN=1' })]
    for (const { status, stderr } of refused) {
      expect(status).toBe(1)
      expect(stderr).toContain('npm run build -- --gpu vulkan')
    }
    // No build was begun: the addon that is there stays.
    expect(existsSync(path.join(ROOT, 'build', 'Release', 'qwen3guard.node'))).toBe(true)
  })

  it.runIf(linux)(
    'names missing tools and their commands, and leaves no older GPU addon to be loaded',
    () => {
      const old = path.join(directory, 'build', 'Release', 'cuda+vulkan', 'qwen3guard.node')
      mkdirSync(path.dirname(old), { recursive: true })
      writeFileSync(old, 'of last week')
      const { status, stderr } = build(['--gpu', 'vulkan,cuda', '--out', directory], {
        PATH: directory,
        ...{ CXX: '', CUDACXX: '', CUDA_PATH: '', CUDA_HOME: '', VULKAN_SDK: '' },
        QWEN3GUARD_CUBLAS: path.join(directory, 'no-such'),
      })
      expect(status).toBe(1)
      expect(stderr).toMatch(
        /install cmake \(3\.21 or newer\), git, .*cuBLAS .*lacks the header cublas_v2\.h, libcublas/,
      )
      expect(stderr).toContain('glslc')
      expect(stderr).toContain('apt-get install -y libvulkan-dev glslc spirv-headers')
      expect(stderr).toContain('Then: npm run build:native -- --gpu cuda,vulkan')
      expect(stderr).not.toContain('    at ')
      expect(existsSync(old)).toBe(false)
    },
  )
})

describe.runIf(linux)('the toolchain of CUDA', () => {
  const cublas = path.join(directory, 'pip', 'nvidia')
  for (const name of ['include/cublas_v2.h', 'lib/libcublas.so.13', 'lib/libcublasLt.so.13']) {
    mkdirSync(path.dirname(path.join(cublas, name)), { recursive: true })
    writeFileSync(path.join(cublas, name), '')
  }

  interface Toolchain {
    missing: string[]
    hints: string[]
    definitions: Record<string, string>
    env: Record<string, string>
  }

  function toolchain(PATH: string, options = {}, env = {}): Toolchain {
    const call = `m.gpuToolchain(['cuda'], ${JSON.stringify(options)})`
    return evaluate('gpu-tools.mjs', call, { PATH, QWEN3GUARD_CUBLAS: cublas, ...env }) as Toolchain
  }

  const hopper = 'echo 9.0; echo 9.0; echo 8.9'
  const current = programs('current', {
    nvcc: nvcc('13.0', '75', '80', '89', '90', '100', '120'),
    'nvidia-smi': hopper,
  })
  const older = programs('older', { nvcc: nvcc('11.5', '75', '80', '86'), 'nvidia-smi': hopper })

  it("builds for this machine's cards, and does not need their driver", () => {
    const { missing, definitions } = toolchain(current)
    expect(missing).toEqual([])
    expect(definitions).toMatchObject({ GGML_CUDA_NO_VMM: 'ON', CMAKE_CUDA_ARCHITECTURES: '90-real;89-real' })
  })

  it('builds for every card that the toolkit knows, and later ones, where it is for other machines', () => {
    const portable = (folder: string) => toolchain(folder, { portable: true }).definitions
    expect(portable(current)).toMatchObject({
      CMAKE_CUDA_ARCHITECTURES: '75-real;80-real;89-real;90-real;100-real;120-real;90-virtual',
      CMAKE_INSTALL_RPATH: expect.not.stringContaining(directory),
    })
    expect(portable(older).CMAKE_CUDA_ARCHITECTURES).toBe('75-real;80-real;80-virtual')
  })

  it('says that the toolkit is too old for a card, unless the cards are chosen by hand', () => {
    const { missing, hints } = toolchain(older)
    expect(missing).toEqual(['a CUDA toolkit for compute capability 90, 89 (found 11.5)'])
    expect(hints.join()).toContain('developer.nvidia.com')
    const chosen = toolchain(older, { define: ['-DCMAKE_CUDA_ARCHITECTURES=80-real'] })
    expect(chosen.missing).toEqual([])
    expect(chosen.definitions).not.toHaveProperty('CMAKE_CUDA_ARCHITECTURES')
  })

  it('takes cuBLAS from the folder of a pip package, which has versioned libraries only', () => {
    const { definitions, env } = toolchain(current)
    expect(definitions.CUDA_cublas_LIBRARY).toBe(path.join(cublas, 'lib', 'libcublas.so.13'))
    expect(definitions.CUDA_cublasLt_LIBRARY).toBe(path.join(cublas, 'lib', 'libcublasLt.so.13'))
    expect(env.CPATH).toBe(path.join(cublas, 'include'))
  })

  it('says what a folder for cuBLAS lacks, and how to get cuBLAS', () => {
    const { missing, hints } = toolchain(current, {}, { QWEN3GUARD_CUBLAS: directory })
    expect(missing[0]).toMatch(/lacks the header cublas_v2\.h, libcublas, libcublasLt/)
    expect(hints.join('\n')).toContain('pip install --target cublas nvidia-cublas')
  })
})
