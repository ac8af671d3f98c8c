import { once } from 'node:events'
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs'
import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { finished } from 'node:stream/promises'
import { differences, type RunIdentity } from '../batch/run-identity.js'
import { InputError } from '../data/input-error.js'
import { isObject } from '../data/row.js'
import { naming, writeError } from '../full-disk.js'
import { removeFile, renameFile, whileHeld } from '../held-files.js'

/** How often what is written is also on the disk, should the power fail. */
const SYNC_INTERVAL_MS = 2000

/**
 * Output rows of a run, as JSONL in `OUT.part` until all are there, with the run's identity beside in `OUT.part.json`. A
 * run that was stopped leaves both, and another one goes on where it was.
 */
export class Journal {
  readonly path: string
  readonly #identityPath: string
  readonly #stream: WriteStream
  #synced = Date.now()
  /** Rows that are written. */
  rows: number

  private constructor(path: string, identityPath: string, rows: number) {
    this.path = path
    this.#identityPath = identityPath
    this.rows = rows
    this.#stream = createWriteStream(path, { flags: 'a' })
    // Told by the write that fails.
    this.#stream.on('error', () => {})
  }

  /**
   * @param earlier is told each row that an earlier run has written, with `resume`
   * @param inputs names of the inputs, for the message that says that one has changed
   * @throws InputError if an earlier run was stopped and `resume` does not say that it goes on, or if it was another;
   *   the disk's error
   */
  static async open(
    out: string,
    identity: RunIdentity,
    resume: boolean,
    earlier: (row: Record<string, unknown>) => void,
    inputs: readonly string[] = [],
  ): Promise<Journal> {
    const [path, identityPath] = [`${out}.part`, `${out}.part.json`]
    await naming(`${path}.lock`, () => takeLock(`${path}.lock`))
    try {
      return await Journal.#begin(path, identityPath, identity, resume, earlier, inputs)
    } catch (error) {
      await removeFile(`${path}.lock`)
      throw error
    }
  }

  static async #begin(
    path: string,
    identityPath: string,
    identity: RunIdentity,
    resume: boolean,
    earlier: (row: Record<string, unknown>) => void,
    inputs: readonly string[],
  ): Promise<Journal> {
    const found = await stat(path).catch(() => null)
    if (found && !resume) {
      throw new InputError(
        `${path} is there, of a run that was stopped or is not done yet: go on with it by --resume, or delete it`,
      )
    }
    let rows = 0
    if (found) {
      await requireSame(identityPath, path, identity, inputs)
      rows = await soundRows(path, earlier)
    } else {
      await naming(identityPath, () => writeFile(identityPath, `${JSON.stringify(identity)}\n`))
    }
    return new Journal(path, identityPath, rows)
  }

  /** @throws DiskSpaceError, or the disk's error */
  async add(line: string): Promise<void> {
    if (this.#stream.errored) throw await writeError(this.path, this.#stream.errored)
    this.rows += 1
    // Rejects when the stream fails.
    if (!this.#stream.write(line)) await naming(this.path, () => once(this.#stream, 'drain'))
    if (Date.now() - this.#synced > SYNC_INTERVAL_MS) await this.#sync()
  }

  async #sync(): Promise<void> {
    this.#synced = Date.now()
    const file = await open(this.path, 'r+')
    try {
      await naming(this.path, () => file.datasync())
    } finally {
      await file.close()
    }
  }

  /** Waits until all rows are on the disk. @throws DiskSpaceError, or the disk's error */
  async end(): Promise<void> {
    if (this.#stream.errored) throw await writeError(this.path, this.#stream.errored)
    this.#stream.end()
    await naming(this.path, () => finished(this.#stream))
    await this.#sync()
  }

  /** The rows as lines, once all are written. */
  lines(): AsyncIterable<Uint8Array> {
    return createReadStream(this.path)
  }

  /** All rows are in `out`: what is left of the run goes. */
  async commit(out: string, isTheOutput: boolean): Promise<void> {
    if (isTheOutput) await renameFile(this.path, out)
    else await removeFile(this.path)
    await removeFile(this.#identityPath)
    await removeFile(`${this.path}.lock`)
  }

  /** The run ends before its time. @returns rows that are kept; without any, nothing is */
  async leave(keep: boolean): Promise<number> {
    const isWhole = await this.end().then(
      () => true,
      () => false,
    )
    this.#stream.destroy()
    const rows = isWhole ? this.rows : await soundRows(this.path, () => {}).catch(() => this.rows)
    await removeFile(`${this.path}.lock`)
    if (keep && rows > 0) return rows
    await removeFile(this.path)
    await removeFile(this.#identityPath)
    return 0
  }
}

/**
 * Two runs at once would mix their rows. A holder that was killed is passed over, and one of another machine, of which
 * nothing is known.
 *
 * @throws InputError if another process of this machine writes there
 */
async function takeLock(file: string): Promise<void> {
  const holder = `${process.pid} ${hostname()}`
  const taken = await whileHeld(async () => await writeFile(file, holder, { flag: 'wx' })).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
      return false
    },
  )
  if (taken) return
  const [pid, host] = (await readFile(file, 'utf8').catch(() => '')).split(' ')
  if (pid && host === hostname() && Number(pid) !== process.pid && isAlive(Number(pid))) {
    throw new InputError(
      `process ${pid} is writing the same output: wait for it, or delete ${file} if that process is another`,
    )
  }
  await writeFile(file, holder)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

async function requireSame(
  identityPath: string,
  path: string,
  identity: RunIdentity,
  inputs: readonly string[],
): Promise<void> {
  let before: unknown
  try {
    before = JSON.parse(await readFile(identityPath, 'utf8'))
  } catch (cause) {
    throw new InputError(
      `${path} cannot be gone on with: ${identityPath}, which says what run it is of, is missing or broken. Delete both to begin again`,
      { cause },
    )
  }
  const different = differences(before, identity, inputs)
  if (different.length > 0) {
    throw new InputError(
      `${path} is of another run: ${different.join('; ')}. Give what it was, or delete ${path} to begin again`,
    )
  }
}

/** Counts whole rows, and cuts off what a run has not written to its end. */
async function soundRows(path: string, earlier: (row: Record<string, unknown>) => void): Promise<number> {
  let rows = 0
  let sound = 0
  let at = 0
  let pieces: Buffer[] = []
  const take = (line: Buffer): boolean => {
    try {
      const row: unknown = JSON.parse(line.toString('utf8'))
      if (!isObject(row)) return false
      earlier(row)
      return true
    } catch {
      return false
    }
  }
  scan: for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      pieces.push(chunk.subarray(start, end))
      start = end + 1
      if (!take(Buffer.concat(pieces))) break scan
      pieces = []
      rows += 1
      sound = at + start
    }
    pieces.push(chunk.subarray(start))
    at += chunk.length
  }
  const file = await open(path, 'r+')
  try {
    await file.truncate(sound)
  } finally {
    await file.close()
  }
  return rows
}
