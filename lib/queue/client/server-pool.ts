import { isObject } from '../../data/row.js'
import { GuardBusyError, GuardUnavailableError } from '../../errors.js'

/** One `qwen3guard serve`. */
export interface GuardServer {
  /** Such as `http://guard-1:8080`. */
  url: string
  /** Its key, where it wants one. */
  key?: string
}

/** How a server of a pool is. */
export interface ServerState {
  url: string
  /** Whether its last answer was one. */
  healthy: boolean
  /** Requests that it has in work for this client. */
  inFlight: number
}

/** The first rest of a server that failed, and the longest. */
const REST_MS = { first: 500, most: 15_000 }
/** After which an overloaded server is asked again, where it does not say. */
const RETRY_MS = 1000

/** A server, as this client knows it. */
export class Server {
  readonly url: string
  readonly #headers: Record<string, string>
  inFlight = 0
  healthy = true
  #restMs = REST_MS.first
  #restUntil = 0

  constructor({ url, key }: GuardServer) {
    this.url = url.replace(/\/+$/, '')
    this.#headers = key === undefined ? {} : { authorization: `Bearer ${key}` }
  }

  /** Whether it may be asked: it is well, or has rested. */
  isUsable(now = Date.now()): boolean {
    return this.healthy || now >= this.#restUntil
  }

  failed(): void {
    this.healthy = false
    this.#restUntil = Date.now() + this.#restMs
    this.#restMs = Math.min(2 * this.#restMs, REST_MS.most)
  }

  answered(): void {
    this.healthy = true
    this.#restMs = REST_MS.first
  }

  /**
   * Sends a request, and returns the answer.
   *
   * @throws Unreachable where another server may answer; GuardBusyError for 429; TypeError for a request that no server
   *   takes; `signal.reason`
   */
  async send(method: string, path: string, body: object | undefined, signal: AbortSignal): Promise<Response> {
    let response: Response
    this.inFlight += 1
    try {
      response = await fetch(`${this.url}${path}`, {
        method,
        signal,
        headers: { ...this.#headers, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      this.failed()
      throw new Unreachable(`${this.url} does not answer: ${reasonOf(error)}`, { cause: error })
    } finally {
      this.inFlight -= 1
    }
    if (response.ok) {
      this.answered()
      return response
    }
    throw await this.#refusal(response)
  }

  /** What an answer holds. @throws Unreachable where it was broken off */
  async json(response: Response): Promise<unknown> {
    try {
      return await response.json()
    } catch (error) {
      this.failed()
      throw new Unreachable(`${this.url} broke its answer off`, { cause: error })
    }
  }

  async #refusal(response: Response): Promise<Error> {
    const { status } = response
    const message = `${this.url} answered ${status}: ${await messageOf(response)}`
    if (status === 429) return new GuardBusyError(message, retryAfter(response.headers))
    if (status >= 500) {
      this.failed()
      return new Unreachable(message)
    }
    // What it held is gone with a restart; a key that one server does not know is no fault of the text's.
    if (status === 404 || status === 401 || status === 403) return new Unreachable(message)
    return new TypeError(message)
  }
}

/** A server is away: another may answer. */
export class Unreachable extends Error {}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : message
}

async function messageOf(response: Response): Promise<string> {
  try {
    const body: unknown = await response.json()
    const error = isObject(body) && isObject(body.error) ? body.error : {}
    return String(error.message ?? response.statusText)
  } catch {
    return response.statusText
  }
}

function retryAfter(headers: Headers): number {
  const ms = Number(headers.get('retry-after-ms') ?? Number.NaN)
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(ms) ? ms : Number.isFinite(seconds) ? 1000 * seconds : RETRY_MS
}

/** Servers that are alike. */
export class ServerPool {
  readonly servers: readonly Server[]
  readonly #timer: NodeJS.Timeout
  #next = 0

  constructor(servers: readonly GuardServer[], healthMs: number) {
    this.servers = servers.map((server) => new Server(server))
    this.#timer = setInterval(() => void this.look(healthMs), healthMs)
    this.#timer.unref()
  }

  /** The server to ask: the least busy of those that are well, and are not among `tried`; else one that has rested. */
  pick(tried: ReadonlySet<Server>): Server | null {
    const left = this.servers.filter((server) => !tried.has(server) && server.isUsable())
    const well = left.filter(({ healthy }) => healthy)
    const among = well.length > 0 ? well : left
    this.#next += 1
    const turned = among.map((_, at) => among[(at + this.#next) % among.length] as Server)
    return turned.reduce<Server | null>(
      (best, server) => (best === null || server.inFlight < best.inFlight ? server : best),
      null,
    )
  }

  /** Asks each how it is. */
  async look(limitMs: number): Promise<void> {
    const asked = this.servers.map(async (server) => {
      // Sets how it is.
      await server.send('GET', '/health', undefined, AbortSignal.timeout(limitMs)).then(
        async (response) => await response.body?.cancel(),
        (error) => {
          if (!(error instanceof Unreachable)) server.failed()
        },
      )
    })
    await Promise.all(asked)
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

/** Why nobody has answered: all are too busy, or away. */
export function nobody(errors: readonly unknown[]): Error {
  const busy = errors.filter((error): error is GuardBusyError => error instanceof GuardBusyError)
  if (busy.length > 0) {
    const retryAfterMs = Math.min(...busy.map((error) => error.retryAfterMs))
    const first = busy[0] as GuardBusyError
    return busy.length === errors.length
      ? new GuardBusyError(`every server is overloaded: ${first.message}`, retryAfterMs)
      : new GuardUnavailableError(`no server has room: ${messages(errors)}`, retryAfterMs)
  }
  const what = errors.length === 0 ? 'all have failed a moment ago' : messages(errors)
  return new GuardUnavailableError(`no server of the pool answers: ${what}`, RETRY_MS)
}

function messages(errors: readonly unknown[]): string {
  return errors.map((error) => (error instanceof Error ? error.message : String(error))).join('; ')
}
