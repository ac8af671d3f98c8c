import type { App } from '../served.js'
import type { Service } from '../service.js'
import { mountClassify } from './classify.js'
import { mountDecisions } from './decisions.js'
import { mountLiteLlm } from './litellm.js'
import { mountLive } from './live.js'
import { mountModerations } from './moderations.js'
import { mountProxy } from './proxy.js'
import { mountRewards } from './rewards.js'
import { mountWebhooks } from './webhooks.js'

/** Puts all routes but those of operators and the playground into the app. */
export function mountRoutes(app: App, service: Service): void {
  mountModerations(app, service)
  mountLive(app, service)
  mountProxy(app, service)
  mountClassify(app, service)
  mountRewards(app, service)
  mountDecisions(app, service)
  mountLiteLlm(app, service)
  mountWebhooks(app, service)
}
