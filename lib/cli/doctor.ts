import os from 'node:os'
import type { Command } from 'commander'
import { type Attempt, addon } from '../binding/addon.js'
import { availableMemory } from '../binding/available-memory.js'
import { findGpuAddons } from '../binding/device/gpu-addons.js'
import { devicesOf, place } from '../binding/device/place.js'
import type { Device } from '../binding/device/probe.js'
import { type ProofResult, proveAddon } from '../binding/proof.js'
import { downloadsDirectory, modelsDirectory } from '../directories.js'
import { bytes, table } from './display.js'
import { EXIT, type Run } from './exit.js'
import { type ListedModel, listModels } from './models.js'
import { print } from './standard-streams.js'

/** What a bug report needs. Holds no access token and nothing that was judged. */
interface Diagnosis {
  version: string
  node: string
  /** Highest Node-API version. */
  napi: string
  platform: string
  os: string
  libc: string | null
  cpu: { model: string; usable: number }
  memory: { totalBytes: number; availableBytes: number; limitBytes: number | null }
  addon: {
    path: string | null
    /** Prebuilt for which CPUs; null for a build from source. */
    flavour: string | null
    /** What it was compiled as, prebuilt or not: a flavour's name, or `native`. */
    compiledAs: string | null
    /** What was tried before and did not load. */
    tried: Attempt[]
    /** Why it does not load, or null. */
    error: string | null
    llamaCpp: string | null
    patch: string | null
    backends: string[]
    /** Instruction sets that this CPU has, of those that flavours differ in. */
    cpuHas: string[]
    /** Instruction sets and the like that the build uses on this CPU. */
    features: string[]
    /** What its kernels and the demonstration models computed in a process of its own. */
    selfTest: ProofResult | null
  }
  gpu: {
    /** Addons with GPU back ends that are here, with their devices or why they cannot be used. */
    addons: { path: string; backends: string[]; devices: Device[]; error: string | null }[]
    /** What `gpu: 'auto'` comes to: a device, tried, or the CPU and why. */
    auto: { backend: string; device: string | null; flashAttention: boolean; fallback: string | null } | null
  }
  models: ListedModel[]
  directories: { models: string; downloads: string }
  environment: Record<string, string>
}

const SELF_TEST_LIMIT_MS = 120_000

const HELP = `
Exits with 1 if the native addon does not load or fails its self-test; the reason is printed.

Example:
  $ qwen3guard doctor`

export function addDoctor(program: Command, run: Run, version: string): void {
  program
    .command('doctor')
    .description('show versions, the native build, memory and models, for a bug report')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (flags: { json?: boolean }) => {
      const diagnosis = await diagnose(version)
      await print(`${flags.json ? JSON.stringify(diagnosis) : describe(diagnosis)}\n`)
      const { error, selfTest } = diagnosis.addon
      if (error !== null || selfTest === null || selfTest.fault !== null) run.exitCode = EXIT.error
    })
}

async function diagnose(version: string): Promise<Diagnosis> {
  const native = addonInUse()
  return {
    version,
    node: process.version,
    napi: process.versions.napi ?? 'unknown',
    platform: `${process.platform}-${process.arch}`,
    os: `${os.type()} ${os.release()}`,
    libc: libc(),
    cpu: { model: os.cpus()[0]?.model ?? 'unknown', usable: os.availableParallelism() },
    memory: { totalBytes: os.totalmem(), availableBytes: availableMemory(), limitBytes: memoryLimit() },
    addon: native,
    gpu: native.error === null ? await gpus() : { addons: [], auto: null },
    models: await listModels(),
    directories: { models: modelsDirectory(), downloads: await downloadsDirectory() },
    environment: environment(),
  }
}

function addonInUse(): Diagnosis['addon'] {
  try {
    const { binding, path, flavour, tried } = addon()
    const { llamaCpp, patch, flavour: compiledAs, backends, cpuFeatures } = binding.systemInfo()
    // "CPU : SSE3 = 1 | AVX2 = 1 | REPACK = 1 | "
    const features = [...cpuFeatures.matchAll(/(\w+) = 1\b/g)].map(([, feature]) => feature!)
    const cpuHas = binding.instructionSets().cpu
    const selfTest = proveAddon(path, { models: true, limitMs: SELF_TEST_LIMIT_MS })
    const found = { path, flavour, compiledAs, tried, llamaCpp, patch, backends, cpuHas, features }
    return { ...found, error: null, selfTest }
  } catch (error) {
    const none = { path: null, flavour: null, compiledAs: null, tried: [], llamaCpp: null, patch: null }
    const message = (error as Error).message
    return { ...none, error: message, backends: [], cpuHas: [], features: [], selfTest: null }
  }
}

/** Starts the drivers, each in a process of its own. */
async function gpus(): Promise<Diagnosis['gpu']> {
  const addons = []
  for (const found of findGpuAddons()) {
    try {
      const { devices, log } = await devicesOf(found)
      const error = devices.length > 0 ? null : `no device${log === '' ? '' : `: ${log}`}`
      addons.push({ ...found, devices, error })
    } catch (error) {
      addons.push({ ...found, devices: [], error: (error as Error).message })
    }
  }
  const { device, flashAttention, fallback } = await place({})
  const named = device ? `${device.name} (${device.description})` : null
  return { addons, auto: { backend: device?.backend ?? 'cpu', device: named, flashAttention, fallback } }
}

function libc(): string | null {
  if (process.platform !== 'linux') return null
  const { report } = process as unknown as { report?: { excludeNetwork?: boolean; getReport(): unknown } }
  if (!report) return 'unknown'
  // Otherwise it looks up every peer's name.
  report.excludeNetwork = true
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime ? `glibc ${header.glibcVersionRuntime}` : 'musl or another'
}

/** The cgroup's limit, where there is one. */
function memoryLimit(): number | null {
  const limit = process.constrainedMemory()
  return limit && limit < os.totalmem() ? limit : null
}

/** Settings that change what this package does. A token is named, never shown. */
function environment(): Record<string, string> {
  const set: Record<string, string> = {}
  const plain = ['QWEN3GUARD_HOME', 'QWEN3GUARD_CPU', 'QWEN3GUARD_PREBUILD', 'QWEN3GUARD_SELF_TEST']
  const drivers = ['GGML_VK_VISIBLE_DEVICES', 'CUDA_VISIBLE_DEVICES', 'VK_DRIVER_FILES', 'VK_ICD_FILENAMES']
  const build = ['PREBUILDS_ONLY', 'LIBC', 'QWEN3GUARD_CACHE']
  for (const name of [...plain, ...drivers, ...build, 'HF_HOME', 'HF_HUB_CACHE', 'XDG_DATA_HOME']) {
    if (process.env[name]) set[name] = process.env[name]
  }
  for (const name of ['HF_ENDPOINT', 'HF_TOKEN']) if (process.env[name]) set[name] = '(set)'
  return set
}

function gpuRows({ path, backends, devices, error }: Diagnosis['gpu']['addons'][number]): string[][] {
  const listed = devices.map(({ backend, name, description, totalBytes }) => [
    '  device',
    `${devices.filter((device) => device.backend === backend).findIndex((device) => device.name === name)}: ${name}, ${description}, ${bytes(totalBytes)}`,
  ])
  const shown = error === null ? path : error.includes(path) ? error : `${path}: ${error}`
  return [[`${backends.join('+')} addon`, shown], ...listed]
}

/** One row for each kind of kernels: how far each type's products are from plain C++'s, and then what the models said. */
function selfTestRows(selfTest: ProofResult | null): string[][] {
  if (selfTest === null) return []
  const { fault, untried, products, verdicts } = selfTest
  const outcome = fault ? `FAILED: ${fault}` : untried ? `not done: ${untried}` : 'passed'
  const kernels = [...new Set(products.map(({ kernel }) => kernel))].map((kernel) => [
    `  ${kernel}`,
    products
      .filter((product) => product.kernel === kernel)
      .map(({ type, worst }) => `${type} ${worst.toFixed(4)}`)
      .join(', '),
  ])
  return [['self-test', outcome], ...kernels, ...verdicts.map(({ model, said }) => [`  ${model}`, said])]
}

function autoRows(auto: Diagnosis['gpu']['auto']): string[][] {
  if (!auto) return []
  const device = auto.device
    ? `${auto.device}${auto.flashAttention ? '' : ', without flash attention, which fails there'}`
    : `the CPU: ${auto.fallback}`
  return [["gpu 'auto'", device]]
}

function describe(diagnosis: Diagnosis): string {
  const { cpu, memory, addon: native, directories } = diagnosis
  const limit = memory.limitBytes === null ? '' : `, limited to ${bytes(memory.limitBytes)}`
  const rows = [
    ['qwen3guard', diagnosis.version],
    ['node', `${diagnosis.node}, Node-API ${diagnosis.napi}`],
    ['platform', [diagnosis.platform, diagnosis.os, diagnosis.libc].filter(Boolean).join(', ')],
    ['cpu', `${cpu.model}, ${cpu.usable} usable`],
    ['memory', `${bytes(memory.availableBytes)} available of ${bytes(memory.totalBytes)}${limit}`],
    ['addon', native.path ?? 'not found'],
    ...(native.error === null
      ? [
          ['llama.cpp', `${native.llamaCpp}, patch ${native.patch}`],
          ['back ends', native.backends.join(', ')],
          ['flavour', native.flavour ?? `${native.compiledAs}, built from source`],
          ...(native.cpuHas.length > 0 ? [['cpu has', native.cpuHas.join(' ')]] : []),
          ['build uses', native.features.join(' ')],
          ...selfTestRows(native.selfTest),
          ...diagnosis.gpu.addons.flatMap(gpuRows),
          ...autoRows(diagnosis.gpu.auto),
          ...native.tried.map(({ path, reason }) => ['tried before', `${path}: ${reason}`]),
        ]
      : []),
    ...Object.entries(diagnosis.environment),
    ['models in', directories.models],
    ['downloads in', directories.downloads],
    ...diagnosis.models.map(({ name, variant, type, bytes: size, problem }) => [
      '  model',
      `${name}: ${variant}, ${type}, ${problem ?? bytes(size)}`,
    ]),
  ]
  return native.error === null ? table(rows) : `${table(rows)}\n\n${native.error}`
}
