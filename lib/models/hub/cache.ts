import { constants } from 'node:fs'
import { copyFile, link, mkdir, open, stat, symlink } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DownloadError } from '../../errors.js'
import { naming } from '../../full-disk.js'
import { removeFile, renameFile } from '../../held-files.js'
import { atomicFile } from '../atomic-file.js'
import type { Hub, HubFile } from './hub.js'

/** Attempts in a row that may end without one new byte. */
const VAIN_ATTEMPTS = 4
const VAIN_DELAY_MS = 500

/** What `HubCache.fetch` tells and asks. */
export interface FetchHooks {
  /** Throws if the file at `path` is not the one that is wanted. */
  check(path: string): Promise<void>
  /** How many bytes of the file are there. */
  onBytes?: ((bytes: number) => void) | undefined
  signal?: AbortSignal | undefined
}

/**
 * One commit of a repository in the layout of the Hugging Face cache: `blobs` by hash, `snapshots` with the
 * files' names linked to them. Files that another program put there are used.
 *
 * `@huggingface/hub` has `downloadFileToCacheDir`, which starts anew after a cut, checks nothing and writes
 * to stdout; hence this.
 *
 * Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
export class HubCache {
  readonly repository: string
  readonly commit: string
  /** The repository's folder, with all its commits. */
  readonly folder: string
  /** The commit's files by name. */
  readonly snapshot: string

  constructor(directory: string, repository: string, commit: string) {
    this.repository = repository
    this.commit = commit
    this.folder = path.join(directory, `models--${repository.replaceAll('/', '--')}`)
    this.snapshot = path.join(this.folder, 'snapshots', commit)
  }

  /** How many of a file's bytes are there. */
  async present(file: HubFile): Promise<number> {
    if (await this.#complete(file)) return file.bytes
    return Math.min((await sizeOf(this.#partial(file))) ?? 0, file.bytes)
  }

  /**
   * Brings a file here: what is there already is used, and a download that was cut goes on where it ended.
   * A file that has its final name was checked.
   *
   * @returns its path in the snapshot
   * @throws DownloadError, or what `check` throws
   */
  async fetch(hub: Hub, file: HubFile, hooks: FetchHooks): Promise<string> {
    const there = await this.#complete(file)
    if (there) {
      hooks.onBytes?.(file.bytes)
      await hooks.check(there)
      await this.#link(file)
      return this.path(file)
    }
    const partial = this.#partial(file)
    await naming(partial, async () => {
      await mkdir(path.dirname(partial), { recursive: true })
      await this.#receive(hub, file, partial, hooks)
    })
    try {
      await hooks.check(partial)
    } catch (error) {
      // Nothing to go on from, unless the check was only broken off.
      if (!hooks.signal?.aborted) await removeFile(partial)
      throw error
    }
    await renameFile(partial, this.#blob(file)).catch(async (error: unknown) => {
      // Another process had the same file, and was first.
      if ((await sizeOf(this.#blob(file))) !== file.bytes) throw error
    })
    await this.#link(file)
    return this.path(file)
  }

  /** Where a file lies once it is fetched. */
  path(file: { path: string }): string {
    return path.join(this.snapshot, ...file.path.split('/'))
  }

  /** Takes those of `names` out of the snapshot that are not among `files`: the commit has none, and none was verified. */
  async dropOthers(names: readonly string[], files: readonly HubFile[]): Promise<void> {
    const others = names.filter((name) => !files.some((file) => file.path === name))
    for (const name of others) await removeFile(this.path({ path: name }))
  }

  /** Notes that `main` is at this commit, as the hub's other clients do. */
  async noteMain(): Promise<void> {
    const refs = path.join(this.folder, 'refs')
    await mkdir(refs, { recursive: true })
    await atomicFile(path.join(refs, 'main'), (handle) => handle.writeFile(this.commit))
  }

  #blob(file: HubFile): string {
    return path.join(this.folder, 'blobs', file.hash.hex)
  }

  /** Not the name that other clients use for theirs: two writers of different programs would meet there. */
  #partial(file: HubFile): string {
    return `${this.#blob(file)}.qwen3guard-incomplete`
  }

  async #complete(file: HubFile): Promise<string | null> {
    for (const place of [this.path(file), this.#blob(file)]) {
      if ((await sizeOf(place)) === file.bytes) return place
    }
    return null
  }

  async #link(file: HubFile): Promise<void> {
    const [from, to] = [this.#blob(file), this.path(file)]
    if ((await sizeOf(to)) === file.bytes) return
    await mkdir(path.dirname(to), { recursive: true })
    await removeFile(to)
    try {
      await symlink(path.relative(path.dirname(to), from), to)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
      // Windows lets only some users make symbolic links.
      await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_EXCL))
    }
  }

  /**
   * Appends to `partial` until it is whole. It is never cut short: every writer writes the same bytes at the
   * same place, so that even two at once leave it sound.
   */
  async #receive(hub: Hub, file: HubFile, partial: string, hooks: FetchHooks): Promise<void> {
    const handle = await open(partial, constants.O_RDWR | constants.O_CREAT, 0o644)
    try {
      let position = Math.min((await handle.stat()).size, file.bytes)
      hooks.onBytes?.(position)
      let furthest = position
      for (let vain = 0; position < file.bytes; ) {
        const response = await hub.read(this.repository, this.commit, file.path, position)
        // 200: this server does not know ranges and sends all of it.
        position = response.status === 206 ? position : 0
        let broken: unknown = new Error('the connection ended before the file did')
        try {
          this.#requireRange(response, file, position)
          for await (const chunk of response.body ?? []) {
            const data = (chunk as Uint8Array).subarray(0, file.bytes - position)
            for (let done = 0; done < data.length; ) {
              done += (await handle.write(data, done, data.length - done, position + done)).bytesWritten
            }
            position += data.length
            hooks.onBytes?.(position)
            // A body may go on without end.
            if (position === file.bytes) break
          }
        } catch (error) {
          hooks.signal?.throwIfAborted()
          if (isSystemError(error) || error instanceof DownloadError) throw error
          broken = error
        }
        vain = position > furthest ? 0 : vain + 1
        furthest = Math.max(furthest, position)
        if (position === file.bytes || vain === 0) continue
        if (vain === VAIN_ATTEMPTS) {
          throw new DownloadError(
            `${file.path} of ${this.repository} breaks off at ${position} of ${file.bytes} bytes, ${vain} times without a new one (${reason(broken)}): check the network and pull again; what has arrived is kept`,
            null,
            { cause: broken },
          )
        }
        await delay(VAIN_DELAY_MS * vain)
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  #requireRange(response: Response, file: HubFile, position: number): void {
    if (response.status !== 206) return
    const range = response.headers.get('content-range') ?? ''
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? []
    if (Number(start) === position && (total === '*' || Number(total) === file.bytes)) return
    void response.body?.cancel()
    throw new DownloadError(
      `the server sent "${range}" of ${file.path}, asked for bytes ${position} to the end of ${file.bytes}: check HF_ENDPOINT and what stands between`,
      response.status,
    )
  }
}

/** Size of the file at `place`, links followed; null if there is none. */
async function sizeOf(place: string): Promise<number | null> {
  try {
    return (await stat(place)).size
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

/** An error of the disk, not of the connection. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'errno' in error
}

function reason(error: unknown): string {
  const inner = (error as Error).cause as Error | undefined
  return inner?.message ?? (error as Error).message
}
