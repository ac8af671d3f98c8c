/** Why something was not judged. */
export interface ServerFault {
  message: string
  /** `'lost'`: nobody answers, or not now; `'key'`: a key is wanted; `'refused'`: this request alone failed. */
  kind: 'lost' | 'key' | 'refused'
}

/** A request failed. */
export class ServerError extends Error {
  readonly fault: ServerFault
  constructor(fault: ServerFault) {
    super(fault.message)
    this.fault = fault
  }
}

/** What an answer that is none of what was asked for means. */
export async function faultOf(response: Response): Promise<ServerFault> {
  const kinds: Record<number, ServerFault['kind']> = { 401: 'key', 502: 'lost', 503: 'lost', 504: 'lost' }
  // A session that is forgotten, by a server that was started again for one, is judged anew.
  const kind = response.status === 404 && response.url.includes('/v1/live/') ? 'lost' : kinds[response.status]
  return { kind: kind ?? 'refused', message: await messageOf(response) }
}

async function messageOf(response: Response): Promise<string> {
  try {
    const { error } = (await response.json()) as { error?: { message?: string } }
    if (typeof error?.message === 'string') return error.message
  } catch {
    // Not from our server: its status has to do.
  }
  return `The server answered ${response.status}`
}
