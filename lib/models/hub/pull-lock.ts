import { randomUUID } from 'node:crypto'
import { mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { removeFile, whileHeld } from '../../held-files.js'

const BEAT_MS = 2000
/** A holder that has not touched its lock for this long is gone. */
const SILENCE_MS = 15_000
const POLL_MS = 200

/**
 * Runs `body` while no other process that asks for the same lock does. The holder touches the file while it
 * lives; one that was killed is passed over, at once on the same machine.
 *
 * It saves a second download and conversion. Nothing relies on it for soundness: files are written so
 * that two processes at once do no harm (cache.ts, atomic-file.ts).
 *
 * @param onWait called once if another process has the lock
 */
export async function withPullLock<T>(
  file: string,
  options: { onWait?: () => void; signal?: AbortSignal | undefined },
  body: () => Promise<T>,
): Promise<T> {
  const holder = `${process.pid} ${os.hostname()} ${randomUUID()}`
  await mkdir(path.dirname(file), { recursive: true })
  let told = false
  for (let seen = { mtimeMs: 0, since: 0 }; ; ) {
    options.signal?.throwIfAborted()
    try {
      // Windows has the name of a file that was deleted in use until nobody has it open.
      await whileHeld(async () => await writeFile(file, holder, { flag: 'wx' }))
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const touched = await stat(file).catch(() => null)
    if (touched && touched.mtimeMs !== seen.mtimeMs)
      seen = { mtimeMs: touched.mtimeMs, since: performance.now() }
    if (touched && (performance.now() - seen.since > SILENCE_MS || (await isDead(file)))) {
      await removeFile(file)
      continue
    }
    if (!told) options.onWait?.()
    told = true
    await delay(POLL_MS, undefined, { signal: options.signal }).catch(() => {})
  }
  const beat = setInterval(() => {
    const now = new Date()
    utimes(file, now, now).catch(() => {})
  }, BEAT_MS)
  beat.unref()
  try {
    return await body()
  } finally {
    clearInterval(beat)
    if ((await readFile(file, 'utf8').catch(() => '')) === holder) await removeFile(file)
  }
}

/** Whether the lock's holder was a process of this machine that has ended. */
async function isDead(file: string): Promise<boolean> {
  const [pid, host] = (await readFile(file, 'utf8').catch(() => '')).split(' ')
  if (!pid || host !== os.hostname()) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
