import type { App } from './served.js'
import type { Service } from './service.js'

/** Puts the playground at `/`. */
export function mountPlayground(_app: App, _service: Service): void {}
