// Decides where a model's layers go: on a GPU that was probed, or on the CPU.
import { AddonLoadError, BackendError } from '../../errors.js'
import type { Gpu } from '../../types.js'
import { addon as cpuAddon } from '../addon.js'
import type { NativeBinding } from '../binding.js'
import {
  findGpuAddons,
  GPU_BACKENDS,
  type GpuAddon,
  type GpuBackend,
  openGpuAddon,
  packageOf,
} from './gpu-addons.js'
import { type Device, forgetDevice, type Listing, listDevices, tryDevice } from './probe.js'

/** Where a model is to be loaded. */
export interface Placement {
  /** The addon that loads it and decodes, and its file. */
  binding: NativeBinding
  path: string
  /** Null: the CPU. */
  device: Device | null
  /** Whether flash attention may be used there. */
  flashAttention: boolean
  /** Why `gpu: 'auto'` came to the CPU; null where it did not. */
  fallback: string | null
  /** Why GPU addons that are here were passed over. */
  passedOver: string[]
}

export interface PlaceOptions {
  gpu?: Gpu | undefined
  /** Index among the back end's devices, ggml's name of one, or part of its description. */
  device?: number | string | undefined
}

/**
 * Chooses a device. No GPU library is opened in this process before a child process has used the device.
 *
 * @throws AddonLoadError ERR_BACKEND_MISSING if no addon here has the named back end
 * @throws BackendError if it is here and cannot be used, with the driver's reason
 */
export async function place({ gpu = 'auto', device }: PlaceOptions): Promise<Placement> {
  if (gpu === false) return onCpu(null)
  const addons = findGpuAddons()
  const wanted = gpu === 'auto' ? GPU_BACKENDS : [gpu]
  const reasons: string[] = []
  for (const backend of wanted) {
    for (const addon of addons.filter(({ backends }) => backends.includes(backend))) {
      try {
        return { ...(await onDevice(addon, backend, device)), passedOver: reasons }
      } catch (error) {
        if (!(error instanceof BackendError)) throw error
        reasons.push(`${backend}: ${error.message}`)
      }
    }
  }
  if (gpu !== 'auto' || device !== undefined) {
    if (reasons.length > 0)
      throw new BackendError(`${what(gpu, device)} cannot be used here: ${reasons.join('; ')}`)
    throw new AddonLoadError(
      `${what(gpu, device)} was asked for, and ${missing(gpu === 'auto' ? 'vulkan' : gpu)}`,
      undefined,
      'ERR_BACKEND_MISSING',
    )
  }
  if (reasons.length > 0) return onCpu(reasons.join('; '), reasons)
  return onCpu('no addon with a GPU back end is built or installed here')
}

function what(gpu: Gpu, device: PlaceOptions['device']): string {
  return device === undefined ? `gpu: '${gpu}'` : `gpu: '${gpu}' with device ${JSON.stringify(device)}`
}

function missing(backend: GpuBackend): string {
  return (
    `no addon with it is built or installed here: \`npm install ${packageOf(backend)}\`, or build one with ` +
    `\`npx qwen3guard build --gpu ${backend}\` (docs/install.md). gpu: 'auto' takes what there is, gpu: false the CPU`
  )
}

/** The CPU, for a reason if a GPU would have been taken. */
export function onCpu(fallback: string | null, passedOver: string[] = []): Placement {
  const { binding, path } = cpuAddon()
  return { binding, path, device: null, flashAttention: true, fallback, passedOver }
}

async function onDevice(
  addon: GpuAddon,
  backend: GpuBackend,
  wanted: PlaceOptions['device'],
): Promise<Placement> {
  // Twice where the device is not what was remembered of it.
  for (let again = false; ; again = true) {
    const { devices, log } = await devicesOf(addon)
    const device = pick(devices, backend, wanted, log)
    const { flashAttention } = await tryDevice(addon, device)
    const binding = openGpuAddon(addon)
    const now = (await binding.devices()).find(({ name }) => name === device.name)
    if (now?.description === device.description && now.totalBytes === device.totalBytes) {
      return { binding, path: addon.path, device, flashAttention, fallback: null, passedOver: [] }
    }
    forgetDevice(addon, device)
    if (again) throw new BackendError(`${device.name} (${device.description}), which was tried, is gone`)
  }
}

/** The devices an addon finds, if it belongs to this package and runs on this CPU. @throws BackendError */
export async function devicesOf(addon: GpuAddon): Promise<Listing> {
  const listing = await listDevices(addon)
  const { source, lacking } = listing
  if (lacking.length > 0) {
    throw new BackendError(`${addon.path} needs a CPU with ${lacking.join(', ')}, which this one lacks`)
  }
  if (source !== cpuAddon().binding.systemInfo().source) {
    throw new BackendError(
      `${addon.path} was built from another version of this package: install it anew, or build it with \`npx qwen3guard build --gpu ${addon.backends.join(',')}\``,
    )
  }
  return listing
}

function pick(
  devices: readonly Device[],
  backend: GpuBackend,
  wanted: PlaceOptions['device'],
  log: string,
): Device {
  const own = devices.filter((device) => device.backend === backend)
  if (own.length === 0) throw new BackendError(`its driver finds no device${log === '' ? '' : `: ${log}`}`)
  const found =
    wanted === undefined
      ? own[0]
      : typeof wanted === 'number'
        ? own[wanted]
        : (own.find(({ name }) => name.toLowerCase() === wanted.toLowerCase()) ??
          own.find(({ description }) => description.toLowerCase().includes(wanted.toLowerCase())))
  if (found) return found
  const listed = own.map(({ name, description }, index) => `${index}: ${name} (${description})`).join(', ')
  throw new BackendError(`it has no device ${JSON.stringify(wanted)}; there is ${listed}`)
}
