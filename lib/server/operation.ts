import { GuardError } from '../errors.js'
import type { GuardStats } from '../types.js'
import { ServerMetrics } from './metrics.js'
import type { CheckEnd, ServerObserver } from './observer.js'
import type { App } from './served.js'
import type { Loading, Service } from './service.js'
import { Traces } from './traces.js'

/** Puts what operators ask for: `/health`, `/v1/health`, `/metrics`; and traces, where the process has a tracer. */
export function mountOperation(app: App, service: Service): void {
  const lost = new LostGuards()
  service.watch(lost)
  for (const path of ['/health', '/v1/health']) {
    app.get(path, (call) => {
      const states = [service.genState, service.streamState]
      const message = lost.message ?? wrongIn(states) ?? failureIn(states)
      if (message === null) return call.json({ status: 'ok' })
      return call.json({ error: { code: 503, message, type: 'unavailable_error' } }, 503)
    })
  }
  const metrics = new ServerMetrics({
    gen: () => statsOf(service.genState),
    stream: () => statsOf(service.streamState),
  })
  service.watch(metrics)
  service.beforeClose(() => metrics.close())
  app.get('/metrics', async (call) => {
    const [{ body, type }, more] = await Promise.all([metrics.text(), service.moreMetrics()])
    return call.body(body + more, 200, { 'content-type': type, 'cache-control': 'no-store' })
  })
  service.watch(new Traces())
}

function wrongIn(states: readonly (Loading<unknown> | null)[]): string | null {
  if (states.some((one) => one?.state === 'failed')) return 'A model could not be loaded'
  return states.some((one) => one?.state === 'loading') ? 'Loading model' : null
}

/** A decode that takes so long will not end: a text's takes seconds at most. */
const HANGS_MS = 60_000

/** What the engines say of themselves. */
function failureIn(states: readonly (Loading<{ stats(): GuardStats }> | null)[]): string | null {
  for (const state of states) {
    const stats = statsOf(state)
    if (!stats) continue
    if (stats.failure !== null) return `The guard judges nothing: ${stats.failure}`
    if (stats.decodingMs > HANGS_MS) {
      return `The guard hangs in a decode since ${Math.round(stats.decodingMs / 1000)} s: start the server again`
    }
  }
  return null
}

/** After these a guard answers nothing any more: the process has to be replaced. */
const FATAL: ReadonlySet<string> = new Set(['ERR_BACKEND_FAILED', 'ERR_CLOSED'])

/** Remembers whether a guard has failed for good. It does not judge a text to find out: under load that would wait its turn. */
class LostGuards implements ServerObserver {
  message: string | null = null

  onCheck(): (end: CheckEnd) => void {
    return (end) => {
      if (!('error' in end)) return
      // Also as the cause of what a client is told.
      for (const error of [end.error, (end.error as { cause?: unknown } | null)?.cause]) {
        if (GuardError.isGuardError(error) && FATAL.has(error.code)) {
          this.message = `The guard has failed (${error.code}): start the server again`
        }
      }
    }
  }
}

function statsOf(loading: Loading<{ stats(): GuardStats }> | null): GuardStats | null {
  return loading?.state === 'ready' ? loading.guard.stats() : null
}
