import { randomUUID } from 'node:crypto'

/** What may stand in a header, and in a log, as it came. */
const PLAIN_ID = /^[\w.:@/+-]{1,128}$/

/** The caller's id of a request, where it is one, or a new one. */
export function requestId(headers: Headers): string {
  const given = headers.get('x-request-id')
  return given !== null && PLAIN_ID.test(given) ? given : `req_${randomUUID().replaceAll('-', '')}`
}
