import type { App } from '../served.js'
import type { Service } from '../service.js'
import { mountLive } from './live.js'
import { mountModerations } from './moderations.js'
import { mountProxy } from './proxy.js'

/** Puts all routes but those of operators and the playground into the app. */
export function mountRoutes(app: App, service: Service): void {
  mountModerations(app, service)
  mountLive(app, service)
  mountProxy(app, service)
}
