// Starts a GPU's driver in a process of its own, so that a broken one cannot take the application down.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { BackendError } from '../../errors.js'
import { packageRoot } from '../package-root.js'
import type { GpuAddon } from './addons.js'
import { recall, remember } from './probe-cache.js'

/** A GPU as its back end describes it. */
export interface Device {
  backend: string
  /** ggml's name, such as `CUDA0`. */
  name: string
  /** The card's, such as `NVIDIA H100 80GB HBM3`. */
  description: string
  totalBytes: number
}

/** What the probe's process prints, one JSON object. */
export interface Listing {
  /** Hash of the patched llama.cpp that it was built from. */
  patch: string
  /** Instruction sets that it needs and this CPU lacks. */
  lacking: string[]
  devices: Device[]
  /** Warnings and errors of the back ends while they looked. */
  log: string
}

export interface Trial {
  /** Greatest difference of a probability from the CPU's, over a few texts judged by both demonstration models. */
  worst: number
  /** Whether both wrote the same text and chose the same labels. */
  same: boolean
}

/** Probabilities of the demonstration models that are further apart than this mean that the device computes wrongly. */
const TOLERANCE = 0.05

/** Compiling all shaders of a back end for the first time takes a slow machine about a minute. */
const LIMIT_MS = 300_000

/** The compiled program, also where this module runs from source under a test runner or in a bundle. */
const program = () => path.join(packageRoot().folder, 'dist', 'probe-device.js')

/** The devices that an addon finds here. @throws BackendError with the driver's reason */
export async function listDevices(addon: GpuAddon): Promise<Listing> {
  const known = recall<Listing>(addon, 'devices')
  if (known) return known
  const listing = await once(`${addon.path} devices`, () => run<Listing>(addon, ['list']))
  // Nothing found is asked again: a driver may be installed meanwhile.
  if (listing.devices.length > 0) remember(addon, 'devices', listing)
  return listing
}

/**
 * Whether flash attention may be used on a device, which has then been tried: both demonstration models judged a few texts
 * on it as they do on the CPU.
 *
 * @throws BackendError if they do not even without flash attention, or the driver ends the process
 */
export async function tryDevice(addon: GpuAddon, device: Device): Promise<{ flashAttention: boolean }> {
  const known = recall<{ flashAttention: boolean }>(addon, device.name)
  if (known) return known
  const found = await once(`${addon.path} ${device.name}`, async () => {
    try {
      await judge(addon, device, true)
      return { flashAttention: true }
    } catch (error) {
      if (!(error instanceof BackendError)) throw error
      await judge(addon, device, false)
      return { flashAttention: false }
    }
  })
  remember(addon, device.name, found)
  return found
}

async function judge(addon: GpuAddon, device: Device, flashAttention: boolean): Promise<void> {
  const { worst, same } = await run<Trial>(addon, ['try', device.name, flashAttention ? 'flash' : 'plain'])
  if (worst <= TOLERANCE && same) return
  throw new BackendError(
    `${device.name} (${device.description}) computes wrongly: the demonstration models' verdicts differ from the CPU's by up to ${worst.toFixed(3)}`,
  )
}

const running = new Map<string, Promise<unknown>>()

/** Several loads at a time share one probe. */
function once<T>(key: string, work: () => Promise<T>): Promise<T> {
  const known = running.get(key) as Promise<T> | undefined
  if (known) return known
  const promise = work().finally(() => running.delete(key))
  running.set(key, promise)
  return promise
}

function run<T>(addon: GpuAddon, words: string[]): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    // No flags of the application's own: a debugger's port or a preloaded module is not for the probe.
    const child = spawn(process.execPath, ['--no-warnings', program(), addon.path, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
      windowsHide: true,
    })
    let answer = ''
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      answer += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000)
    })
    const failed = (how: string) =>
      reject(
        new BackendError(`the probe of ${addon.path} ${how}${said.trim() === '' ? '' : `: ${said.trim()}`}`),
      )
    child.on('error', (error) => failed(`could not be started: ${error.message}`))
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') return failed(`did not answer within ${LIMIT_MS / 1000} s`)
      if (code !== 0) return failed(signal ? `was ended by ${signal}` : `ended with ${code}`)
      try {
        resolve(JSON.parse(answer) as T)
      } catch {
        failed('gave no answer')
      }
    })
  })
}
