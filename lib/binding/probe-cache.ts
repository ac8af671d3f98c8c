// What probes found is kept between processes, until the addon, the CPU, the driver, or a setting of either changes.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { cacheDirectory } from '../directories.js'
import { removeFileSync, renameFileSync } from '../held-files.js'

const LIFETIME_MS = 7 * 24 * 3600 * 1000

/** What a probe of the addon found about `what`, if it is still true. */
export function recall<T>(addon: { path: string }, what: string): T | undefined {
  try {
    const { at, found } = JSON.parse(readFileSync(fileOf(addon, what), 'utf8')) as { at: number; found: T }
    const age = Date.now() - at
    return age >= 0 && age < LIFETIME_MS ? found : undefined
  } catch {
    return undefined
  }
}

/** Keeps what a probe found. Where nothing can be written the next process probes again. */
export function remember(addon: { path: string }, what: string, found: unknown): void {
  try {
    const file = fileOf(addon, what)
    mkdirSync(path.dirname(file), { recursive: true })
    const fresh = `${file}.${process.pid}`
    writeFileSync(fresh, JSON.stringify({ at: Date.now(), found }))
    try {
      renameFileSync(fresh, file)
    } catch (error) {
      // Another process reads what the last one found, for longer than anybody waits here.
      removeFileSync(fresh)
      throw error
    }
  } catch {
    // A read-only home.
  }
}

/** What a probe found is true no more. */
export function forget(addon: { path: string }, what: string): void {
  try {
    removeFileSync(fileOf(addon, what))
  } catch {
    // A read-only home.
  }
}

function fileOf(addon: { path: string }, what: string): string {
  const { size, mtimeMs } = statSync(addon.path)
  const hash = createHash('sha256').update(JSON.stringify([addon.path, size, mtimeMs, what, surroundings()]))
  return path.join(cacheDirectory(), 'probes', `${hash.digest('hex').slice(0, 24)}.json`)
}

/** What a driver's answer depends on, as far as that can be seen without asking it. */
function surroundings(): unknown[] {
  const settings = Object.entries(process.env).filter(([name]) =>
    /^(CUDA|NVIDIA|GGML|VK|MESA|DISPLAY|LD_LIBRARY_PATH|LD_PRELOAD|XDG_DATA|MTL)/.test(name),
  )
  return [
    os.hostname(),
    os.release(),
    os.cpus()[0]?.model,
    settings.sort(),
    textOf('/proc/driver/nvidia/version'),
    ...['/dev/dri', '/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'].map(
      entriesOf,
    ),
    entriesOf('/proc/driver/nvidia/gpus'),
    namesIn('/dev').filter((name) => name.startsWith('nvidia')),
  ]
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

/** With sizes and times: an upgrade of a driver changes its files and not their names. */
function entriesOf(folder: string): unknown[] {
  return namesIn(folder).map((name) => {
    try {
      const { size, mtimeMs, rdev } = statSync(path.join(folder, name))
      return [name, size, rdev === 0 ? mtimeMs : rdev]
    } catch {
      return name
    }
  })
}
