import { GuardBusyError, GuardUnavailableError } from '../../errors.js'
import type { Message } from '../../types.js'
import type { LiveVerdict, Sending } from './live-verdict.js'
import { nobody, type Server, type ServerPool, Unreachable } from './server-pool.js'

/**
 * Asks a server of the pool; another where it does not answer, is overloaded, or takes its time.
 *
 * @throws GuardBusyError where all are overloaded, GuardUnavailableError where none answers in time: never a verdict that
 *   nobody gave; TypeError for an input that is none; `signal.reason`
 */
export async function checkByHttp(
  pool: ServerPool,
  messages: readonly Message[],
  { kind, timeoutMs, hedgeMs, signal }: Sending,
): Promise<LiveVerdict> {
  const over = new AbortController()
  const deadline = AbortSignal.timeout(timeoutMs)
  const either = AbortSignal.any([over.signal, deadline, ...(signal ? [signal] : [])])
  const body = { messages, ...(kind && { by: kind }) }
  const tried = new Set<Server>()
  const errors: unknown[] = []
  try {
    return await new Promise<LiveVerdict>((resolve, reject) => {
      let asking = 0
      let timer: NodeJS.Timeout | undefined
      const ask = () => {
        clearTimeout(timer)
        const server = pool.pick(tried)
        if (server === null) {
          if (asking === 0) reject(nobody(errors))
          return
        }
        tried.add(server)
        asking += 1
        if (hedgeMs !== undefined) timer = setTimeout(ask, hedgeMs)
        verdictOf(server, body, either)
          .then(resolve, (error) => {
            errors.push(error)
            asking -= 1
            if (either.aborted || !mayAskOther(error)) reject(error)
            else ask()
          })
          .finally(() => {
            if (asking <= 1) clearTimeout(timer)
          })
      }
      either.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(either.reason)
      })
      ask()
    })
  } catch (error) {
    signal?.throwIfAborted()
    if (!deadline.aborted) throw error
    throw new GuardUnavailableError(`no server of the pool has judged within ${timeoutMs} ms`, timeoutMs)
  } finally {
    // Whoever else was asked need not go on.
    over.abort()
  }
}

function mayAskOther(error: unknown): boolean {
  return error instanceof Unreachable || error instanceof GuardBusyError
}

async function verdictOf(server: Server, body: object, signal: AbortSignal): Promise<LiveVerdict> {
  const response = await server.send('POST', '/v1/classify', body, signal)
  const { id: _, object: __, ...verdict } = (await server.json(response)) as Record<string, unknown>
  if (verdict.kind === 'gen' || verdict.kind === 'stream') {
    return { ...verdict, server: server.url } as unknown as LiveVerdict
  }
  throw new Unreachable(`${server.url} answered something that is no verdict`)
}
