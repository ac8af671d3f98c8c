import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { packageRoot } from '../binding/package-root.js'
import { notFound } from './errors.js'
import type { App, Call } from './served.js'
import type { Service } from './service.js'

/**
 * What browsers take of this package, under `/assets/`: the page, and the modules that it shares with the guard, which are
 * plain ES modules. Nothing else of dist/ is served, whatever a path says.
 */
const FILES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      'conversation',
      'elements',
      'guard-server',
      'live-session',
      'main',
      'policy-panel',
      'replay',
      'reply-view',
      'samples',
      'server-events',
      'server-fault',
      'snippets',
      'trace',
      'verdict-cards',
    ].map((name) => [`playground/${name}.js`, 'text/javascript; charset=utf-8']),
  ),
  'playground/style.css': 'text/css; charset=utf-8',
  'playground/icon.svg': 'image/svg+xml',
  ...Object.fromEntries(
    ['labels', 'options', 'policy', 'segments', 'stream/debounce', 'stream/release'].map((name) => [
      `${name}.js`,
      'text/javascript; charset=utf-8',
    ]),
  ),
}
const PAGE = 'playground/index.html'

/** Scripts and styles of this server alone, requests to it alone, and nobody's frame. */
const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

/** What the page asks for first. */
export interface PlaygroundSetup {
  /** Names of the models, null where the server has none. */
  gen: string | null
  stream: string | null
}

/** Puts the playground at `/`. The page is open to who reaches the server; what it asks the guards needs a key. */
export function mountPlayground(app: App, service: Service): void {
  const files = new Map<string, Promise<Asset>>()
  const asset = (name: string) => {
    let file = files.get(name)
    if (!file) {
      file = readAsset(name)
      files.set(name, file)
    }
    return file
  }
  app.get('/', async (call) => answer(call, await asset(PAGE), 'text/html; charset=utf-8'))
  app.get('/assets/*', async (call) => {
    const name = call.req.path.slice('/assets/'.length)
    const type = Object.hasOwn(FILES, name) ? FILES[name] : undefined
    if (type === undefined) throw notFound(`There is no ${call.req.path.slice(0, 200)} here`)
    return answer(call, await asset(name), type)
  })
  app.get('/playground/setup', (call) => {
    const setup: PlaygroundSetup = {
      gen: service.genState === null ? null : service.models.gen,
      stream: service.streamState === null ? null : service.models.stream,
    }
    return call.json(setup, 200, { 'cache-control': 'no-store' })
  })
}

interface Asset {
  bytes: Uint8Array<ArrayBuffer>
  tag: string
}

async function readAsset(name: string): Promise<Asset> {
  // Also where this runs from lib/, as in tests: what browsers run was compiled.
  const bytes = new Uint8Array(await readFile(path.join(packageRoot().folder, 'dist', name)))
  return { bytes, tag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"` }
}

function answer(call: Call, { bytes, tag }: Asset, type: string): Response {
  const headers = {
    'content-type': type,
    'content-security-policy': CONTENT_POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-cache',
    etag: tag,
  }
  if (call.req.header('if-none-match') === tag) return call.body(null, 304, headers)
  return call.body(bytes, 200, headers)
}
