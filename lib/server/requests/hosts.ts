import { HttpError } from '../errors.js'

/** The name that a request is addressed to, without its port. */
export function hostOf(request: Request): string {
  const given = request.headers.get('host') ?? new URL(request.url).host
  return given.replace(/:\d*$/, '').toLowerCase()
}

/**
 * Refuses requests to names that are not the server's: a page on the web can point a name of its own at this machine, and a
 * browser would then let it read the answers.
 *
 * @throws HttpError 403
 */
export function requireHost(request: Request, hosts: readonly string[]): void {
  const host = hostOf(request)
  if (hosts.includes(host)) return
  throw new HttpError({
    status: 403,
    message: `This server does not answer to the name ${JSON.stringify(host.slice(0, 100))}`,
    code: 'unknown_host',
  })
}
