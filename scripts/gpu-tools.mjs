// The toolchains of the GPU back ends: what is missing here, how to get it, and what CMake has to be told.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'

const windows = process.platform === 'win32'

const HINTS = {
  vulkan: {
    linux: [
      'Debian, Ubuntu: apt-get install -y libvulkan-dev glslc spirv-headers',
      'Fedora: dnf install vulkan-headers vulkan-loader-devel glslc spirv-headers-devel',
      'Alpine: apk add vulkan-headers vulkan-loader-dev shaderc spirv-headers',
      'Elsewhere: the Vulkan SDK, https://vulkan.lunarg.com/sdk/home, with VULKAN_SDK set by its setup-env.sh',
    ],
    darwin: ['brew install vulkan-headers vulkan-loader molten-vk shaderc spirv-headers'],
    win32: ['winget install KhronosGroup.VulkanSDK, then a new terminal (it sets VULKAN_SDK)'],
  },
  nvcc: {
    linux: [
      'Debian, Ubuntu: apt-get install -y nvidia-cuda-toolkit',
      'A newer toolkit: https://developer.nvidia.com/cuda-downloads; CUDACXX names an nvcc elsewhere',
    ],
    win32: ['winget install Nvidia.CUDA, or https://developer.nvidia.com/cuda-downloads'],
  },
  cublas: {
    linux: [
      'cuBLAS is a part of the CUDA toolkit, of its own in some packages (NVIDIA for Debian, Ubuntu: apt-get install -y libcublas-dev-13-0).',
      'One from pip will do: pip install --target cublas nvidia-cublas, and QWEN3GUARD_CUBLAS="$PWD/cublas/nvidia/cu13"',
    ],
    win32: ['cuBLAS is a part of the CUDA toolkit: choose it in its installer'],
  },
}

function output(command, args, input = '') {
  const result = spawnSync(command, args, { encoding: 'utf8', input })
  return result.error || result.status !== 0 ? null : result.stdout
}

const compiler = () => (process.env.CXX || 'c++').split(' ')[0]

/** Whether a header is in one of these folders, in a usual one, or where the compiler looks. */
function hasHeader(name, folders) {
  const usual = windows ? [] : ['/usr/include', '/usr/local/include', '/opt/homebrew/include']
  if ([...folders, ...usual].some((folder) => existsSync(path.join(folder, name)))) return true
  if (windows) return false
  return (
    output(compiler(), ['-E', '-x', 'c++', '-'], `#if !__has_include(<${name}>)\n#error\n#endif\n`) !== null
  )
}

/** Path of the library of that name in one of these folders, or undefined. */
function libraryIn(folders, name) {
  const pattern = windows
    ? new RegExp(`^${name}\\.lib$`, 'i')
    : new RegExp(`^lib${name}\\.(so|dylib)(\\.\\d+)*$`)
  for (const folder of folders.filter(existsSync)) {
    // A pip package has libcublas.so.13 and no plain libcublas.so.
    const found = readdirSync(folder)
      .sort()
      .find((file) => pattern.test(file))
    if (found) return path.join(folder, found)
  }
  return undefined
}

/** The same in the usual places as well, the compiler's among them. */
function library(name, folders) {
  const found = libraryIn([...folders, ...(windows ? [] : ['/usr/local/lib', '/opt/homebrew/lib'])], name)
  if (found || windows) return found
  // Where the compiler finds none, it repeats the name.
  const file = output(compiler(), [`-print-file-name=lib${name}.so`])?.trim()
  return file && path.isAbsolute(file) ? file : undefined
}

function vulkan({ define }) {
  const definitions = { GGML_VULKAN: 'ON' }
  const missing = []
  const sdk = process.env.VULKAN_SDK
  const inSdk = (...names) => (sdk ? names.map((name) => path.join(sdk, name)) : [])
  const glslc = [...inSdk('bin/glslc', 'Bin/glslc.exe').filter(existsSync), 'glslc']
  if (!glslc.some((command) => output(command, ['--version']))) missing.push('glslc')
  // Who tells CMake where they are knows better than what is looked for here.
  if (!define.some((word) => /^-D(Vulkan_|SPIRV|CMAKE_PREFIX_PATH|CMAKE_TOOLCHAIN_FILE)/.test(word))) {
    const include = inSdk('include', 'Include')
    if (!hasHeader('vulkan/vulkan.hpp', include)) missing.push('the Vulkan headers')
    if (!library(windows ? 'vulkan-1' : 'vulkan', inSdk('lib', 'Lib'))) missing.push('the Vulkan loader')
    if (!hasHeader('spirv/unified1/spirv.hpp', include)) missing.push('SPIRV-Headers')
  }
  return { missing, hints: missing.length > 0 ? HINTS.vulkan[process.platform] : [], definitions, env: {} }
}

/** Path of nvcc and the toolkit's folder, or undefined. CMake alone would look on PATH and no further. */
function cudaCompiler() {
  const { CUDACXX, CUDA_PATH, CUDA_HOME } = process.env
  const folders = [CUDA_PATH, CUDA_HOME, '/usr/local/cuda'].filter(Boolean)
  for (const command of [CUDACXX, 'nvcc', ...folders.map((folder) => path.join(folder, 'bin', 'nvcc'))]) {
    if (!command) continue
    const version = output(command, ['--version'])?.match(/release ([\d.]+)/)?.[1]
    if (!version) continue
    // What is on PATH may be a script that starts the nvcc of a toolkit elsewhere.
    const { stderr } = spawnSync(command, ['--dryrun', 'x.cu'], { encoding: 'utf8' })
    const top = stderr?.match(/^#\$ TOP=(.*)$/m)?.[1]?.trim()
    const root = top ? path.resolve(top) : undefined
    const own = root && path.join(root, 'bin', windows ? 'nvcc.exe' : 'nvcc')
    return { nvcc: own && existsSync(own) ? own : command, root, version }
  }
  return undefined
}

/** A toolkit has one folder for each target, and links or other names for that of this machine. */
function toolkitFolders(root) {
  const targets = path.join(root, 'targets')
  const found = existsSync(targets) ? readdirSync(targets).map((name) => path.join(targets, name)) : []
  return [root, ...found]
}

/** cuBLAS as QWEN3GUARD_CUBLAS or the toolkit has it: what is missing, and what CMake must be told. */
function cublas(root) {
  const own = process.env.QWEN3GUARD_CUBLAS
  const places = own ? [path.resolve(own)] : root ? toolkitFolders(root) : []
  const include = places.map((place) => path.join(place, 'include'))
  const lib = places.flatMap((place) => ['lib64', 'lib', 'lib/x64'].map((name) => path.join(place, name)))
  const header = own ? existsSync(path.join(include[0], 'cublas_v2.h')) : hasHeader('cublas_v2.h', include)
  const [blas, blasLt] = ['cublas', 'cublasLt'].map((name) =>
    own ? libraryIn(lib, name) : library(name, lib),
  )
  const lacks = [!header && 'the header cublas_v2.h', !blas && 'libcublas', !blasLt && 'libcublasLt']
    .filter(Boolean)
    .join(', ')
  const missing = lacks
    ? [own ? `cuBLAS (QWEN3GUARD_CUBLAS=${own} lacks ${lacks})` : `cuBLAS (${lacks})`]
    : []
  if (!own) return { missing, definitions: {}, env: {} }
  return {
    missing,
    definitions: { CUDA_cublas_LIBRARY: blas, CUDA_cublasLt_LIBRARY: blasLt },
    env: { CPATH: [include[0], process.env.CPATH].filter(Boolean).join(path.delimiter) },
  }
}

/** Compute capabilities of the GPUs in this machine, such as '90'. */
function capabilities() {
  const found = output('nvidia-smi', ['--query-gpu=compute_cap', '--format=csv,noheader']) ?? ''
  return [...new Set([...found.matchAll(/^(\d+)\.(\d)\s*$/gm)].map(([, major, minor]) => major + minor))]
}

/**
 * From Turing on, for every GPU that this nvcc knows; PTX for those that are newer than its list. 8.6 runs what is for
 * 8.0; 8.9 would too, but ggml's host code counts on kernels of its own for it.
 */
function portableArchitectures(known) {
  const real = ['75', '80', '89', '90', '100', '120'].filter((name) => known.includes(name))
  // 12.0's are compiled as 12.0a, which has no PTX for later GPUs.
  const newest = real.filter((name) => Number(name) <= 90).at(-1)
  return [...real.map((name) => `${name}-real`), ...(newest ? [`${newest}-virtual`] : [])].join(';')
}

/** The GPUs to compile for: this machine's, or where there are none every one; nothing where the caller has chosen. */
function architectures({ nvcc, version }, { define, portable }) {
  if (define.some((word) => word.startsWith('-DCMAKE_CUDA_ARCHITECTURES'))) return {}
  const list = output(nvcc, ['--list-gpu-arch']) ?? ''
  const known = [...list.matchAll(/compute_(\d+)/g)].map(([, name]) => name)
  const here = portable ? [] : capabilities()
  const unknown = known.length > 0 ? here.filter((name) => !known.includes(name)) : []
  if (unknown.length > 0) {
    return { missing: `a CUDA toolkit for compute capability ${unknown.join(', ')} (found ${version})` }
  }
  return { cards: here.map((name) => `${name}-real`).join(';') || portableArchitectures(known) }
}

function cuda(options) {
  const definitions = {
    GGML_CUDA: 'ON',
    GGML_CUDA_NO_VMM: 'ON', // would link libcuda: the addon could not even say that there is no driver
    GGML_CUDA_NCCL: 'OFF',
  }
  const missing = []
  const toolkit = cudaCompiler()
  if (toolkit) {
    if (toolkit.root) definitions.CUDAToolkit_ROOT = toolkit.root
    const { cards, missing: newer } = architectures(toolkit, options)
    if (cards) definitions.CMAKE_CUDA_ARCHITECTURES = cards
    if (newer) missing.push(newer)
  } else missing.push('nvcc (the CUDA toolkit)')
  const hints = missing.length > 0 ? [...(HINTS.nvcc[process.platform] ?? [])] : []
  const blas = cublas(toolkit?.root)
  missing.push(...blas.missing)
  // Whoever lacks the whole toolkit gets cuBLAS with it.
  if (toolkit && blas.missing.length > 0) hints.push(...(HINTS.cublas[process.platform] ?? []))
  return {
    missing,
    hints,
    definitions: { ...definitions, ...blas.definitions },
    env: { ...(toolkit && { CUDACXX: toolkit.nvcc }), ...blas.env },
  }
}

const metal = () => ({
  missing: [],
  hints: [],
  definitions: { GGML_METAL: 'ON', GGML_METAL_EMBED_LIBRARY: 'ON' },
  env: {},
})

/** The folders of the machine that builds are nobody else's: libraries are beside the addon or in their usual places. */
function portableRpath(gpu) {
  const places = ['$ORIGIN', ...(gpu.includes('cuda') ? ['/usr/local/cuda/lib64'] : [])]
  const definitions = { CMAKE_BUILD_WITH_INSTALL_RPATH: 'ON', CMAKE_INSTALL_RPATH: places.join(';') }
  return { missing: [], hints: [], definitions, env: {} }
}

/**
 * What these back ends lack on this machine, the commands that mend it, and the CMake definitions and environment of
 * their build. `define` is the caller's own definitions, which go before these; `portable` is for other machines too.
 */
export function gpuToolchain(gpu, { define = [], portable = false } = {}) {
  const parts = gpu.map((name) => ({ cuda, metal, vulkan })[name]({ define, portable }))
  if (portable && process.platform === 'linux') parts.push(portableRpath(gpu))
  return {
    missing: parts.flatMap((part) => part.missing),
    hints: [...new Set(parts.flatMap((part) => part.hints))],
    definitions: Object.assign({}, ...parts.map((part) => part.definitions)),
    env: Object.assign({}, ...parts.map((part) => part.env)),
  }
}
