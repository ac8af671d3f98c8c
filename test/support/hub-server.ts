import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { checkpointPath } from './fixtures.js'

/** A repository of the test server. */
export interface Repository {
  commit: string
  files: Map<string, Buffer>
}

/** What the server does wrong, by file. */
interface Faults {
  /** Bytes of each coming answer after which the connection is destroyed. */
  cuts: Map<string, number[]>
  /** Other contents than the listing's hash is of. */
  altered: Map<string, Buffer>
  /** Sizes to list instead of the true ones. */
  sizes: Map<string, number>
  /** Files that are listed, and then not there. */
  gone: Set<string>
  /** Sends whole files whatever range is asked for. */
  ignoresRanges: boolean
  /** Never ends an answer with the weights, but keeps the connection. */
  stallsAfter: number | null
  /** Statuses of the coming requests, before they are answered. */
  statuses: number[]
  /** Hides the listing's sha256, so that only the git id is left. */
  listsNoLfs: boolean
  /** Names listed besides. */
  listsMore: string[]
}

export interface Seen {
  host: string
  method: string
  path: string
  authorization: string | undefined
  range: string | undefined
}

/**
 * The parts of the Hugging Face hub's HTTP interface that a download needs: a model's commit, its tree, and
 * `resolve`, which redirects large files to another host. Small files have git ids, large ones a sha256.
 */
export class HubServer {
  readonly repositories = new Map<string, Repository>()
  readonly seen: Seen[] = []
  readonly faults: Faults = {
    cuts: new Map(),
    altered: new Map(),
    sizes: new Map(),
    gone: new Set(),
    ignoresRanges: false,
    stallsAfter: null,
    statuses: [],
    listsNoLfs: false,
    listsMore: [],
  }
  /** The token without which nothing is answered. */
  token: string | null = null
  readonly #hub: Server
  readonly #files: Server
  #url = ''
  #filesUrl = ''

  constructor() {
    this.#hub = createServer((request, response) => this.#answer(request, response))
    // Another origin, as the hub's storage is.
    this.#files = createServer((request, response) => this.#sendFile(request, response))
  }

  /** A server that runs until the tests of the file end. */
  static async start(): Promise<HubServer> {
    const hub = new HubServer()
    hub.#url = await listen(hub.#hub)
    hub.#filesUrl = await listen(hub.#files)
    afterAll(() => hub.close())
    return hub
  }

  get url(): string {
    return this.#url
  }

  /** Offers a fixture checkpoint under a repository's name. */
  offerCheckpoint(name: string, fixture: string, commit?: string): Repository {
    const directory = checkpointPath(fixture)
    const files = readdirSync(directory).map((file) => [file, readFileSync(join(directory, file))] as const)
    return this.offer(name, new Map(files), commit)
  }

  offer(name: string, files: Map<string, Buffer>, commit = 'c0ffee'.padEnd(40, '0')): Repository {
    const repository = { commit, files }
    this.repositories.set(name, repository)
    return repository
  }

  /** Requests for a file's bytes that came to the storage host. */
  rangesOf(file: string): (string | undefined)[] {
    return this.seen.filter(({ path }) => path === `/${file}`).map(({ range }) => range)
  }

  close(): void {
    for (const server of [this.#hub, this.#files]) {
      server.close()
      server.closeAllConnections()
    }
  }

  #note(request: IncomingMessage): string {
    const path = decodeURIComponent(new URL(request.url ?? '', this.#url).pathname)
    this.seen.push({
      host: String(request.headers.host),
      method: String(request.method),
      path,
      authorization: request.headers.authorization,
      range: request.headers.range,
    })
    return path
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = this.#note(request)
    const refused = this.#refusal(request)
    const info = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/main$/.exec(path)
    const tree = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/([^/]+)(?:\/(.+))?$/.exec(path)
    const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path)
    const [, name = '', commit, file = ''] = info ?? tree ?? resolve ?? []
    const repository = this.repositories.get(name)
    if (refused !== null) {
      fail(response, refused)
    } else if (!repository || (commit !== undefined && commit !== repository.commit)) {
      fail(response, 404)
    } else if (info) {
      json(response, { _id: '1', id: name, sha: repository.commit, lastModified: new Date(0) })
    } else if (tree) {
      json(response, this.#tree(repository, file))
    } else {
      this.#resolve(request, response, name, file)
    }
  }

  #refusal(request: IncomingMessage): number | null {
    const allowed = this.token === null || request.headers.authorization === `Bearer ${this.token}`
    return this.faults.statuses.shift() ?? (allowed ? null : 401)
  }

  #resolve(request: IncomingMessage, response: ServerResponse, name: string, file: string): void {
    const content = this.repositories.get(name)?.files.get(file)
    if (!content || this.faults.gone.has(file)) {
      fail(response, 404)
    } else if (isLarge(file)) {
      const location = `${this.#filesUrl}/${file}?repository=${name}&Signature=secret`
      response.writeHead(302, { location, 'x-linked-etag': `"${sha256(content)}"` }).end()
    } else {
      this.#send(request, response, file, content)
    }
  }

  #tree(repository: Repository, folder: string): unknown[] {
    const inFolder = [...repository.files].filter(
      ([path]) => path.slice(0, path.lastIndexOf('/') + 1) === (folder && `${folder}/`),
    )
    const more = this.faults.listsMore.map((path): [string, Buffer] => [path, Buffer.from('{}')])
    return [...inFolder, ...more].map(([path, content]) => {
      const size = this.faults.sizes.get(path) ?? content.length
      const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
      const lfs = { oid: sha256(content), size, pointerSize: 134 }
      return { type: 'file', path, size, oid, ...(isLarge(path) && !this.faults.listsNoLfs && { lfs }) }
    })
  }

  #sendFile(request: IncomingMessage, response: ServerResponse): void {
    const file = this.#note(request).slice(1)
    const { searchParams } = new URL(request.url ?? '', this.#url)
    const content = this.repositories.get(searchParams.get('repository') ?? '')?.files.get(file)
    if (content) this.#send(request, response, file, content)
    else fail(response, 404)
  }

  #send(request: IncomingMessage, response: ServerResponse, file: string, original: Buffer): void {
    const content = this.faults.altered.get(file) ?? original
    const start = this.faults.ignoresRanges
      ? 0
      : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const body = content.subarray(start)
    const partly = request.headers.range !== undefined && !this.faults.ignoresRanges
    const end = start + body.length - 1
    response.writeHead(partly ? 206 : 200, {
      'content-length': body.length,
      ...(partly && { 'content-range': `bytes ${start}-${end}/${content.length}` }),
    })
    const cut = this.faults.cuts.get(file)?.shift()
    if (cut !== undefined) {
      response.write(body.subarray(0, cut), () => setTimeout(() => response.destroy(), 20))
    } else if (this.faults.stallsAfter !== null && isLarge(file)) {
      response.write(body.subarray(0, this.faults.stallsAfter))
    } else {
      response.end(body)
    }
  }
}

function isLarge(file: string): boolean {
  return /\.(safetensors|gguf)$/.test(file)
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

function fail(response: ServerResponse, status: number): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify({ error: `status ${status}` }))
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
