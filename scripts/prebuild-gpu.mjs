// Makes the npm package of an addon with GPU back ends for this platform, ready for `npm pack`:
//
//   prebuild-packages/vulkan-linux-x64/    @qwen3guard/vulkan-linux-x64: qwen3guard.node, package.json, README.md and licences
//
// The CPU part has one flavour; native/flavours.json says what it needs.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { buildAddons, log, portablePaths, root } from './build-addon.mjs'
import { flavourNeeds, gpuFlavour } from './flavours.mjs'
import { packageName, spoken } from './gpu-backends.mjs'
import { BuildError } from './llama-source.mjs'

const STRIP = { linux: ['--strip-all'], darwin: ['-Sx'] }

/** What a machine needs for a back end, besides a GPU. */
const NEEDS = {
  cuda: "NVIDIA's driver, and cudart and cuBLAS beside the addon, in /usr/local/cuda/lib64 or where the system looks",
  metal: 'a Mac with Metal',
  vulkan: 'a Vulkan 1.2 driver and the Vulkan loader (Debian, Ubuntu: `libvulkan1`)',
}

function strip(file) {
  const words = STRIP[process.platform]
  if (!words) return
  const { status, error, stderr } = spawnSync('strip', [...words, file], { encoding: 'utf8' })
  if (status !== 0) throw new BuildError(`strip ${file} failed: ${error?.message ?? stderr}`)
}

/** The libraries of the back ends that a binary loads, by the names that must be found: their major version matters. */
function libraries(file) {
  if (process.platform !== 'linux') return []
  const { stdout } = spawnSync('readelf', ['--dynamic', file], { encoding: 'utf8' })
  return [...(stdout ?? '').matchAll(/NEEDED.*\[(lib(?:vulkan|cuda|cublas)\S*)\]/g)].map(([, name]) => name)
}

function readme(name, gpu, needs, loaded) {
  const wants = gpu.map((backend) => NEEDS[backend])
  if (loaded.length > 0) wants.push(`these libraries: ${loaded.join(', ')}`)
  if (needs.length > 0) wants.push(`a CPU with ${needs.join(', ')}`)
  return `# ${name}

[qwen3guard](https://www.npmjs.com/package/qwen3guard) with ${spoken(gpu)}, for ${process.platform}-${process.arch}.
Install it beside qwen3guard, in the same version:

\`\`\`sh
npm install qwen3guard ${name}
npx qwen3guard doctor
\`\`\`

${wants.map((want) => `- Needs ${want}.`).join('\n')}

Where it cannot be used, \`gpu: 'auto'\` takes the CPU, and \`guard.device\` says why.
llama.cpp, which it contains, is MIT-licensed: THIRD-PARTY-LICENSES.
`
}

/** Builds the package of these back ends; `staging` keeps the build. */
export async function prebuildGpu(gpu, staging) {
  const folder = path.join(root, 'prebuild-packages', packageName(gpu))
  // A failed build leaves no older package to be published as if new.
  rmSync(folder, { recursive: true, force: true })
  const built = await buildAddons({ gpu, cpu: false, portable: true, out: staging, define: [portablePaths] })
  mkdirSync(folder, { recursive: true })
  const binary = path.join(folder, 'qwen3guard.node')
  copyFileSync(built, binary)
  strip(binary)
  const { version, license, homepage, repository, bugs } = JSON.parse(
    readFileSync(path.join(root, 'package.json'), 'utf8'),
  )
  const name = `@qwen3guard/${packageName(gpu)}`
  const needs = flavourNeeds(gpuFlavour)
  const glibc = process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime
  const manifest = {
    name,
    version,
    description: `qwen3guard with ${spoken(gpu)}, for ${process.platform}-${process.arch}`,
    license,
    homepage,
    // npm checks a package's provenance against it.
    repository,
    bugs,
    os: [process.platform],
    cpu: [process.arch],
    ...(process.platform === 'linux' && { libc: [glibc ? 'glibc' : 'musl'] }),
    main: 'qwen3guard.node',
    qwen3guard: { backends: gpu, needs },
  }
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  writeFileSync(path.join(folder, 'README.md'), readme(name, gpu, needs, libraries(binary)))
  for (const name of ['LICENSE', 'THIRD-PARTY-LICENSES'])
    copyFileSync(path.join(root, name), path.join(folder, name))
  log(`${path.relative(root, binary)}: ${(statSync(binary).size / 1e6).toFixed(2)} MB`)
}
