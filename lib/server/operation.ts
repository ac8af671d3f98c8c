import type { App } from './served.js'
import type { Loading, Service } from './service.js'

/** Puts what operators ask for: `/health`, `/v1/health`. */
export function mountOperation(app: App, service: Service): void {
  for (const path of ['/health', '/v1/health']) {
    app.get(path, (call) => {
      const states: (Loading<unknown> | null)[] = [service.genState, service.streamState]
      const wrong = states.find((one) => one !== null && one.state !== 'ready')
      if (!wrong) return call.json({ status: 'ok' })
      const message = wrong.state === 'loading' ? 'Loading model' : 'A model could not be loaded'
      return call.json({ error: { code: 503, message, type: 'unavailable_error' } }, 503)
    })
  }
}
