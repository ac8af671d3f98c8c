import { stat, statfs } from 'node:fs/promises'
import path from 'node:path'
import { DiskSpaceError } from '../../errors.js'

/** Something that is about to be written. */
export interface SpaceNeed {
  directory: string
  bytes: number
  /** Such as `the download`. */
  what: string
}

/**
 * Requires that each disk has room for what will be written to it. The directories need not exist yet.
 *
 * @throws DiskSpaceError with both sizes
 */
export async function requireDiskSpace(needs: readonly SpaceNeed[]): Promise<void> {
  const disks = new Map<number, SpaceNeed[]>()
  for (const need of needs) {
    const device = (await stat(await existing(need.directory))).dev
    disks.set(device, [...(disks.get(device) ?? []), need])
  }
  for (const disk of disks.values()) {
    const directory = await existing(disk[0]!.directory)
    const { bavail, bsize } = await statfs(directory)
    const available = bavail * bsize
    const needed = disk.reduce((sum, { bytes }) => sum + bytes, 0)
    if (needed <= available) continue
    const parts = disk.map(({ bytes, what }) => `${size(bytes)} for ${what}`).join(', ')
    throw new DiskSpaceError(
      needed,
      available,
      `the disk of ${directory} has ${size(available)} free, needed: ${parts}. Make room, or put QWEN3GUARD_HOME or HF_HOME on another disk`,
    )
  }
}

/** The nearest directory above that exists. */
async function existing(directory: string): Promise<string> {
  try {
    await stat(directory)
    return directory
  } catch {
    const parent = path.dirname(directory)
    return parent === directory ? directory : existing(parent)
  }
}

function size(bytes: number): string {
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}
