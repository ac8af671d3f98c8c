// Starts a GPU's driver in a process of its own, so that a broken one cannot take the application down.
import { type ChildProcess, spawn } from 'node:child_process'
import { BackendError } from '../../errors.js'
import { cannotStart, ownEnvironment, programPath } from '../own-process.js'
import { forget, recall, remember } from '../probe-cache.js'
import type { GpuAddon } from './gpu-addons.js'

/** A GPU as its back end describes it. */
export interface Device {
  backend: string
  /** ggml's name, such as `CUDA0`. */
  name: string
  /** The card's, such as `NVIDIA H100 80GB HBM3`. */
  description: string
  totalBytes: number
  /** Its memory is the machine's. */
  unified: boolean
}

/** What the probe's process prints, one JSON object. */
export interface Listing {
  /** Hash of the patched llama.cpp and of the native sources that it was built from. */
  source: string
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
const LIMIT_MS = Number(process.env.QWEN3GUARD_PROBE_MS) || 180_000

/** How long a failure is believed: each load would wait for a driver that hangs. */
const FAILURE_MS = 600_000

/** The devices that an addon finds here. @throws BackendError with the driver's reason */
export async function listDevices(addon: GpuAddon): Promise<Listing> {
  const known = recall<Listing>(addon, 'devices')
  if (known && Array.isArray(known.devices)) return known
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
  const what = trialOf(device)
  const known = recall<{ flashAttention: boolean }>(addon, what)
  if (typeof known?.flashAttention === 'boolean') return known
  const found = await once(`${addon.path} ${what}`, async () => {
    try {
      await judge(addon, device, true)
      return { flashAttention: true }
    } catch (error) {
      if (!(error instanceof BackendError) || error instanceof ProbeTimeout) throw error
      await judge(addon, device, false)
      return { flashAttention: false }
    }
  })
  remember(addon, what, found)
  return found
}

/** Forgets what was found: the device is not what it was. */
export function forgetDevice(addon: GpuAddon, device: Device): void {
  forget(addon, 'devices')
  forget(addon, trialOf(device))
}

const trialOf = ({ name, description, totalBytes }: Device) => `${name} ${description} ${totalBytes}`

async function judge(addon: GpuAddon, device: Device, flashAttention: boolean): Promise<void> {
  const { worst, same } = await run<Trial>(addon, ['try', device.name, flashAttention ? 'flash' : 'plain'])
  if (worst <= TOLERANCE && same) return
  throw new BackendError(
    `${device.name} (${device.description}) computes wrongly: the demonstration models' verdicts differ from the CPU's by up to ${worst.toFixed(3)}`,
  )
}

/** The driver hangs: trying it in another way would hang as long. */
class ProbeTimeout extends BackendError {}

const running = new Map<string, Promise<unknown>>()
const failed = new Map<string, { at: number; error: BackendError }>()

/** Several loads at a time share one probe, and those after a failure its failure. */
function once<T>(key: string, work: () => Promise<T>): Promise<T> {
  const known = running.get(key) as Promise<T> | undefined
  if (known) return known
  const failure = failed.get(key)
  if (failure && performance.now() - failure.at < FAILURE_MS) return Promise.reject(failure.error)
  const promise = work()
    .catch((error: unknown) => {
      if (error instanceof BackendError) failed.set(key, { at: performance.now(), error })
      throw error
    })
    .finally(() => running.delete(key))
  running.set(key, promise)
  return promise
}

function run<T>(addon: GpuAddon, words: string[]): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let answer = ''
    let said = ''
    const why = (how: string) =>
      `the probe of ${addon.path} ${how}${said.trim() === '' ? '' : `: ${said.trim()}`}`
    const program = programPath('trials/probe-device')
    const hindrance = cannotStart(program)
    if (hindrance !== null) return reject(new BackendError(why(`could not be started: ${hindrance}`)))
    let child: ChildProcess
    try {
      child = spawn(process.execPath, ['--no-warnings', program, addon.path, ...words], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: ownEnvironment(),
        windowsHide: true,
      })
    } catch (error) {
      return reject(new BackendError(why(`could not be started: ${(error as Error).message}`)))
    }
    const kill = () => child.kill('SIGKILL')
    const settled = () => {
      clearTimeout(timer)
      process.off('exit', kill)
    }
    // A driver can hold its process where no signal reaches it: nobody waits for its end.
    const timer = setTimeout(() => {
      settled()
      kill()
      child.unref()
      child.stdout?.destroy()
      child.stderr?.destroy()
      reject(new ProbeTimeout(why(`did not answer within ${LIMIT_MS / 1000} s`)))
    }, LIMIT_MS)
    process.once('exit', kill)
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      answer += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000)
    })
    child.on('error', (error) => {
      settled()
      reject(new BackendError(why(`could not be started: ${error.message}`)))
    })
    child.on('close', (code, signal) => {
      settled()
      if (code !== 0)
        return reject(new BackendError(why(signal ? `was ended by ${signal}` : `ended with ${code}`)))
      try {
        resolve(JSON.parse(answer) as T)
      } catch {
        reject(new BackendError(why('gave no answer')))
      }
    })
  })
}
