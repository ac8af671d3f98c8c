import { Hono } from 'hono'
import { HttpError, httpError, notFound } from './errors.js'
import { mountOpenApi } from './openapi.js'
import { mountOperation } from './operation.js'
import { checkServerOptions, type ServerOptions } from './options.js'
import { mountPlayground } from './playground.js'
import { Concurrency } from './requests/concurrency.js'
import { requireHost } from './requests/hosts.js'
import { requestId } from './requests/identity.js'
import { Keys } from './requests/keys.js'
import { tracked } from './requests/tracked.js'
import { mountRoutes } from './routes/index.js'
import { type App, type Env, Served } from './served.js'
import { Service } from './service.js'

/** The service as a handler of requests. */
export interface ServerApp {
  /**
   * Answers a request; it never rejects. It is a function of its own: `Bun.serve({ fetch: app.fetch })`,
   * `export const POST = app.fetch`.
   */
  fetch(request: Request): Promise<Response>
  /** Ends live sessions and whatever is in work. The guards stay open: they are the caller's. */
  close(): Promise<void>
}

/**
 * The guards as a service: OpenAI's moderation endpoint, a moderating proxy and the contracts of gateways (docs/server.md).
 *
 * @throws TypeError or RangeError for options
 * @example
 * const app = createApp({ gen: await GenGuard.load({ model }), stream: await StreamGuard.load({ model: streamModel }) })
 * const response = await app.fetch(new Request('http://localhost/v1/moderations', { method: 'POST', headers, body }))
 */
export function createApp(options: ServerOptions): ServerApp {
  checkServerOptions(options)
  const service = new Service(options)
  const app: App = new Hono<Env>({ strict: false })
  guardRequests(app, service, options)
  mountOperation(app, service)
  mountRoutes(app, service)
  if (options.playground ?? true) mountPlayground(app, service)
  mountOpenApi(app)
  answerOthers(app)
  return {
    fetch: async (request) => await app.fetch(request),
    close: () => service.close(),
  }
}

/** What every request goes through before its route. */
function guardRequests(app: App, service: Service, { keys = [], hosts }: ServerOptions): void {
  const allowed = new Keys(keys)
  const concurrency = new Concurrency(service.limits.concurrency)
  app.use(async (call, next) => {
    const id = requestId(call.req.raw.headers)
    const served = new Served(id, [call.req.raw.signal, service.closing])
    call.set('served', served)
    await tracked(call, service, async () => {
      service.closing.throwIfAborted()
      if (hosts) requireHost(call.req.raw, hosts)
      allowed.require(call.req.path, call.req.raw.headers)
      served.onDone(concurrency.enter())
      await next()
    })
  })
  app.onError((error, call) => {
    const answer = httpError(error)
    if (answer.code === 'internal_error') {
      service.log({
        level: 'error',
        message: `failed: ${error.stack ?? error.message}`,
        request_id: call.get('served').id,
      })
    }
    const response = answer.toResponse()
    response.headers.set('x-request-id', call.get('served').id)
    return response
  })
}

/** Paths that there are answer other methods with 405, and no others with anything but 404. */
function answerOthers(app: App): void {
  const methods = new Map<string, Set<string>>()
  for (const { path, method } of app.routes) {
    if (method === 'ALL') continue
    methods.set(path, (methods.get(path) ?? new Set()).add(method))
  }
  for (const [path, allowed] of methods) {
    if (allowed.has('GET')) allowed.add('HEAD')
    const allow = [...allowed].sort().join(', ')
    app.all(path, (call) => {
      throw new HttpError({
        status: 405,
        message: `${call.req.method.slice(0, 20)} is no method of ${path}: there is ${allow}`,
        code: 'method_not_allowed',
        headers: { allow },
      })
    })
  }
  app.notFound((call) => {
    throw notFound(`There is no ${call.req.path.slice(0, 200)} here: /openapi.json lists what there is`)
  })
}
