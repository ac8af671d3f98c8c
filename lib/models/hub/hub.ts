import { setTimeout as delay } from 'node:timers/promises'
import { DownloadError } from '../../errors.js'

/** A file in a repository, as the hub lists it. */
export interface HubFile {
  path: string
  bytes: number
  /** What the hub says its hash is: large files have a sha256, others their git blob id. */
  hash: { kind: 'sha256' | 'git-sha1'; hex: string }
}

/** Tries of one request: connections fail, and hubs answer 429 and 5xx, for a moment. */
const TRIES = 4
const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 30_000
const COMMIT = /^[0-9a-f]{40}$/
const HASH = { sha256: /^[0-9a-f]{64}$/, 'git-sha1': COMMIT }

/** Files and folders of a listing at most, answers that they come in, and bytes of one. */
const MOST_ENTRIES = 100_000
const MOST_ANSWERS = 200
const MOST_ANSWER_BYTES = 64 << 20

/** The path becomes one on this machine: it must lead nowhere but down. @throws TypeError */
function requirePlainPath(path: unknown): void {
  const plain =
    typeof path === 'string' &&
    path.length <= 1024 &&
    !/[\\:\0]/.test(path) &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  if (!plain) throw new TypeError(`${JSON.stringify(path)?.slice(0, 100)} is no path of a file`)
}

/**
 * The Hugging Face hub, or the one that HF_ENDPOINT names. HF_TOKEN goes to that origin alone: requests
 * elsewhere do not get it, and fetch drops it when a redirect leaves the origin.
 */
export class Hub {
  readonly endpoint: string
  readonly #token: string | undefined
  readonly #signal: AbortSignal | undefined

  /** @throws TypeError for an HF_ENDPOINT or HF_TOKEN that cannot be one */
  constructor(signal?: AbortSignal) {
    const endpoint = (process.env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '')
    const { protocol, username, password } = URL.canParse(endpoint) ? new URL(endpoint) : ({} as Partial<URL>)
    if (!/^https?:$/.test(protocol ?? '') || username || password) {
      // Not quoted: it may hold a password.
      throw new TypeError(
        'HF_ENDPOINT is not the address of a hub, expected one such as https://huggingface.co, without a user name',
      )
    }
    const token = process.env.HF_TOKEN?.trim() || undefined
    // fetch would quote the whole header in its error.
    if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
      throw new TypeError('HF_TOKEN holds white space or characters that no access token has')
    }
    this.endpoint = endpoint
    this.#token = token
    this.#signal = signal
  }

  /** The commit that a repository's main branch is at. */
  async commit(repository: string): Promise<string> {
    const { modelInfo } = await import('@huggingface/hub')
    return await this.#understood(repository, async (fetch) => {
      const options = { revision: 'main', additionalFields: ['sha' as const], hubUrl: this.endpoint, fetch }
      const { sha } = await modelInfo({ name: repository, ...options })
      if (!COMMIT.test(sha)) throw new TypeError(`${JSON.stringify(sha)} is no commit`)
      return sha
    })
  }

  /** Files of a folder of a repository (default: the top one) at a commit. */
  async list(repository: string, commit: string, folder = ''): Promise<Map<string, HubFile>> {
    const { listFiles } = await import('@huggingface/hub')
    return await this.#understood(repository, async (fetch) => {
      const files = new Map<string, HubFile>()
      let entries = 0
      const options = {
        revision: commit,
        hubUrl: this.endpoint,
        fetch,
        ...(folder !== '' && { path: folder }),
      }
      for await (const entry of listFiles({ repo: { type: 'model', name: repository }, ...options })) {
        if (++entries > MOST_ENTRIES) throw new TypeError(`it lists more than ${MOST_ENTRIES} files`)
        if (entry.type !== 'file') continue
        const hash = entry.lfs
          ? ({ kind: 'sha256', hex: entry.lfs.oid } as const)
          : ({ kind: 'git-sha1', hex: entry.oid ?? '' } as const)
        // It becomes a file name in the cache.
        if (!HASH[hash.kind].test(hash.hex)) throw new TypeError(`${JSON.stringify(hash.hex)} is no hash`)
        if (!Number.isSafeInteger(entry.size) || entry.size < 0)
          throw new TypeError(`${entry.path} has no size`)
        requirePlainPath(entry.path)
        files.set(entry.path, { path: entry.path, bytes: entry.size, hash })
      }
      return files
    })
  }

  /** The bytes of a file from `position` on, as the server gives them. */
  async read(repository: string, commit: string, file: string, position: number): Promise<Response> {
    const escaped = file.split('/').map(encodeURIComponent).join('/')
    const url = `${this.endpoint}/${repository}/resolve/${commit}/${escaped}`
    return await this.#fetchFor(`${repository}/${file}`)(url, { headers: { range: `bytes=${position}-` } })
  }

  /** Asks the hub's API; an answer that is not its own is a typed error too. */
  async #understood<T>(what: string, ask: (fetch: typeof globalThis.fetch) => Promise<T>): Promise<T> {
    const fetch = this.#fetchFor(what)
    let answers = 0
    try {
      return await ask(async (input, init) => {
        if (++answers > MOST_ANSWERS) throw new TypeError(`more than ${MOST_ANSWERS} answers belong together`)
        return withinBytes(await fetch(input, init), MOST_ANSWER_BYTES)
      })
    } catch (cause) {
      this.#signal?.throwIfAborted()
      if (cause instanceof DownloadError) throw cause
      throw new DownloadError(
        `${this.endpoint} does not answer as a Hugging Face hub for ${what} (${(cause as Error).message}): check HF_ENDPOINT and what stands between`,
        null,
        { cause },
      )
    }
  }

  /** fetch for the hub: with the token, tried again where that may help, and failing with typed errors. */
  #fetchFor(what: string): typeof fetch {
    return async (input, init) => {
      const url = new URL(String(input))
      const headers = new Headers(init?.headers)
      if (this.#token !== undefined && url.origin === new URL(this.endpoint).origin) {
        headers.set('authorization', `Bearer ${this.#token}`)
      }
      for (let tries = 1; ; tries++) {
        let wait = FIRST_DELAY_MS * 2 ** (tries - 1)
        try {
          const response = await fetch(url, { ...init, headers, signal: this.#signal ?? null })
          if (response.ok) return response
          await response.body?.cancel()
          const passes = response.status === 429 || response.status >= 500
          if (!passes || tries === TRIES) throw this.#refusal(what, response.status)
          wait = Math.max(wait, 1000 * Number(response.headers.get('retry-after') ?? 0) || 0)
        } catch (error) {
          if (error instanceof DownloadError) throw error
          this.#signal?.throwIfAborted()
          if (tries === TRIES) throw this.#unreachable(what, error)
        }
        await delay(Math.min(wait, LONGEST_DELAY_MS), undefined, { signal: this.#signal }).catch(() => {})
        this.#signal?.throwIfAborted()
      }
    }
  }

  #unreachable(what: string, cause: unknown): DownloadError {
    const inner = (cause as Error).cause as NodeJS.ErrnoException | undefined
    const why = inner?.code ?? inner?.message ?? (cause as Error).message
    return new DownloadError(
      `${what} could not be fetched from ${this.endpoint} (${why}): check the network, or name a mirror in HF_ENDPOINT`,
      null,
      { cause },
    )
  }

  #refusal(what: string, status: number): DownloadError {
    const from = `${this.endpoint} answered ${status} for ${what}`
    if (status === 401 || status === 403) {
      const token =
        this.#token === undefined ? 'set HF_TOKEN to an access token' : 'HF_TOKEN is set: check that it is'
      return new DownloadError(
        `${from}: the repository is private, gated or not there. If it exists, accept its terms on its page and ${token} that may read it`,
        status,
        undefined,
        'ERR_DOWNLOAD_REFUSED',
      )
    }
    if (status === 404) {
      return new DownloadError(
        `${from}: there is no such repository, revision or file there; check the name and HF_ENDPOINT`,
        status,
        undefined,
        'ERR_DOWNLOAD_REFUSED',
      )
    }
    return new DownloadError(`${from}: try again later; what has arrived is kept`, status)
  }
}

/** The response with a body that fails once it has more bytes than that. */
function withinBytes(response: Response, most: number): Response {
  let bytes = 0
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.length
      if (bytes > most) controller.error(new TypeError(`its answer has more than ${most} bytes`))
      else controller.enqueue(chunk)
    },
  })
  const { status, headers } = response
  return response.body ? new Response(response.body.pipeThrough(counted), { status, headers }) : response
}
