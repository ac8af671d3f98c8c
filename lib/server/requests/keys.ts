import { createHash, timingSafeEqual } from 'node:crypto'
import { HttpError } from '../errors.js'

/** Paths that are open to whoever can reach the server. */
const OPEN = new Set(['/health', '/v1/health'])

/** Checks that requests bring one of the keys. */
export class Keys {
  readonly #hashes: readonly Buffer[]

  constructor(keys: readonly string[]) {
    this.#hashes = keys.map(hashOf)
  }

  /** @throws HttpError 401 that says the same for no key and a wrong one */
  require(path: string, headers: Headers): void {
    if (this.#hashes.length === 0 || OPEN.has(path)) return
    const given = keyOf(headers)
    if (given !== null && this.#has(given)) return
    throw new HttpError({
      status: 401,
      message: 'Expected one of the keys of this server as `Authorization: Bearer KEY` or `x-api-key: KEY`',
      code: 'invalid_api_key',
      headers: { 'www-authenticate': 'Bearer' },
    })
  }

  /** Looks at all of them whichever it is, and at hashes, so that the time it takes tells nothing of them. */
  #has(key: string): boolean {
    const given = hashOf(key)
    let found = false
    for (const hash of this.#hashes) if (timingSafeEqual(hash, given)) found = true
    return found
  }
}

function keyOf(headers: Headers): string | null {
  const bearer = /^Bearer +(.+)$/i.exec(headers.get('authorization') ?? '')
  return bearer?.[1] ?? headers.get('x-api-key')
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
