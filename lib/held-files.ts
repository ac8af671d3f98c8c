// Windows neither renames, replaces nor deletes a file that another program has open, and scanners and indexers open every new
// one for a moment. Every rename and removal of this package goes through here, where it is tried again for a bounded time.
import { renameSync as renameOnceSync, rmSync } from 'node:fs'
import { rename as renameOnce, rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** What Windows says of a file that is held; a permission that is missing looks the same. */
const HELD = new Set(['EPERM', 'EACCES', 'EBUSY', 'ENOTEMPTY'])

/** Longer than a scanner holds a file, shorter than anybody waits for a permission that will not come. */
const LONGEST_MS = 10_000
/** Of calls that block the event loop. What they lose can be found out again. */
const LONGEST_SYNC_MS = 100
const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 250

/** Elsewhere these errors mean what they say, and nothing is tried again. */
const isHeld = (error: unknown, platform: NodeJS.Platform): error is NodeJS.ErrnoException =>
  platform === 'win32' && HELD.has((error as NodeJS.ErrnoException).code ?? '')

/** Milliseconds before each further try, until `longest` is over. */
export function* pauses(longest = LONGEST_MS): Generator<number, void, undefined> {
  let left = longest
  for (let pause = FIRST_PAUSE_MS; left > 0; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    yield Math.min(pause, left)
    left -= pause
  }
}

/**
 * Does to a file what another program that has it open may forbid for a while.
 *
 * @throws the disk's error: at once where it is another one or this is not Windows; else after ten seconds, with what to do
 */
export async function whileHeld<T>(
  act: () => Promise<T>,
  { platform = process.platform, wait = delay }: { platform?: NodeJS.Platform; wait?: typeof delay } = {},
): Promise<T> {
  for (const pause of pauses()) {
    try {
      return await act()
    } catch (error) {
      if (!isHeld(error, platform)) throw error
      await wait(pause)
    }
  }
  return await act().catch((error: unknown) => {
    if (isHeld(error, platform)) {
      error.message += `: another program has held it for ${LONGEST_MS / 1000} s, or it may not be changed. Close what uses it and run this again`
    }
    throw error
  })
}

/** Gives a file another name, in place of what has it. @throws the disk's error */
export async function renameFile(from: string, to: string): Promise<void> {
  await whileHeld(async () => await renameOnce(from, to))
}

/** Deletes a file, if it is there. @throws the disk's error */
export async function removeFile(file: string): Promise<void> {
  await whileHeld(async () => await rm(file, { force: true }))
}

/** Deletes a folder with all that is in it, or a file, if it is there. @throws the disk's error */
export async function removeTree(folder: string): Promise<void> {
  await whileHeld(async () => await rm(folder, { recursive: true, force: true }))
}

/** As {@link renameFile}, for what is worth no longer wait than a tenth of a second. @throws the disk's error */
export function renameFileSync(from: string, to: string): void {
  whileHeldSync(() => renameOnceSync(from, to))
}

/** As {@link removeFile}, for what is worth no longer wait than a tenth of a second. @throws the disk's error */
export function removeFileSync(file: string): void {
  whileHeldSync(() => rmSync(file, { force: true }))
}

function whileHeldSync(act: () => void): void {
  for (const pause of pauses(LONGEST_SYNC_MS)) {
    try {
      act()
      return
    } catch (error) {
      if (!isHeld(error, process.platform)) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause)
    }
  }
  act()
}
