import type { GenGuard } from '../gen/guard.js'
import { checkBoolean, checkKeys, checkTimeout, type Keys } from '../options.js'
import { checkPolicy, IN_POLICY, type Policy } from '../policy.js'
import type { StreamGuard } from '../stream/guard.js'
import { checkHoldBack, type HoldBack } from '../stream/release.js'
import type { ServerObserver } from './observer.js'

/** What the server needs of Gen; a `GenGuard` has it. */
export type ServedGen = Pick<GenGuard, 'classify' | 'stats'>
/** What the server needs of Stream; a `StreamGuard` has it. */
export type ServedStream = Pick<StreamGuard, 'open' | 'moderate' | 'classifyPrompt' | 'stats'>

/** The server whose chat completions and responses are moderated. */
export interface UpstreamOptions {
  /** Base of its API, such as `https://api.openai.com/v1`: `/chat/completions` is added to it. */
  url: string
  /** Sent as `Authorization: Bearer`, instead of the caller's. Default: the caller's key, unless the server has keys of its own. */
  key?: string
  /** Milliseconds until the upstream's headers, and between two pieces of its body. Default 60000. */
  timeoutMs?: number
  /** Whether the upstream is asked while the prompt is still judged: sooner, and also for prompts that are blocked. Default false. */
  ahead?: boolean
}

/** How the proxy, live sessions and gateways moderate replies, beside the policy. As the options of `moderateChat`. */
export interface ReplyOptions {
  /** Default `'token'`. */
  holdBack?: HoldBack
  /** Default `'judge'`: arguments of tool calls are judged as text is. */
  toolCalls?: 'judge' | 'pass' | 'block'
  /** Images and files in prompts and replies, which no guard reads. Default `'block'`. */
  media?: 'pass' | 'block'
  /** Fields of upstream chunks that pass unjudged, by name. Default: none but those that are known to be harmless. */
  passFields?: readonly string[]
}

/** What one caller, and all of them, may ask for. */
export interface LimitOptions {
  /** Bytes of a request's body, or of a line of NDJSON. Default 1 MiB. A batch of rewards may have eight times as many. */
  bodyBytes?: number
  /** Milliseconds until a request's body must have come. Default 30000. */
  bodyMs?: number
  /** Texts of one request. Default 1024. */
  batch?: number
  /** Requests in work at a time; more are refused with 429. Default 1024. */
  concurrency?: number
  /** Milliseconds that a check waits for a place in the engine before 429. Default 30000. */
  queueMs?: number
  /** Live sessions, and conversations of gateways, that are kept at a time. Default 4096. */
  sessions?: number
  /** Milliseconds after which a session that nobody uses is forgotten. Default 300000. */
  sessionMs?: number
}

/** Options of `createApp`. */
export interface ServerOptions {
  /** Judges prompts and finished replies. A promise while it loads: `/health` says so, and routes answer 503. It stays the caller's to close. */
  gen?: ServedGen | Promise<ServedGen>
  /** Judges replies while they are written. As `gen`. */
  stream?: ServedStream | Promise<ServedStream>
  /** What is done about verdicts, where a request does not say. Default: Unsafe is blocked, Controversial flagged. */
  policy?: Policy
  /** How replies are moderated, beside the policy. */
  replies?: ReplyOptions
  /** Of conversations over the context: an error, or their oldest turns are left out. Default `'error'`. */
  history?: 'error' | 'drop'
  /**
   * Of a text over the context: an error, or Gen judges it in windows, and of a reply that outgrows it Stream sees the
   * latest part. Default `'error'`.
   */
  tooLong?: 'error' | 'window'
  /** Keys, any of which a request must bring as `Authorization: Bearer` or `x-api-key`. Default: none is asked for. */
  keys?: readonly string[]
  /** Host names that requests may be addressed to, without the port. Default: any. */
  hosts?: readonly string[]
  /** The server behind `/v1/chat/completions` and `/v1/responses`; a string is its url. Default: none, and they are 404. */
  upstream?: string | UpstreamOptions
  /** What a caller may ask for. */
  limits?: LimitOptions
  /** Names of the models, as answers show them. Default `qwen3guard-gen` and `qwen3guard-stream`. */
  models?: { gen?: string; stream?: string }
  /** Whether `/` shows the playground. Default true. */
  playground?: boolean
  /** Told of requests, checks and streams as they begin and end: for metrics, traces and logs. */
  observers?: readonly ServerObserver[]
  /**
   * More for `/metrics`, in Prometheus' text format, such as `queueMetrics` of `qwen3guard/bullmq` gives. Where it throws, the
   * server's own are answered all the same, and it is logged.
   */
  moreMetrics?(): string | Promise<string>
  /** Told of each request when it is done. Never of texts. */
  onLog?(line: LogLine): void
}

/** One line of the log. */
export interface LogLine {
  /** How bad it is: an answer of 500 and above is an error. */
  level: 'info' | 'warn' | 'error'
  /** ISO 8601, UTC. */
  time: string
  /** What happened, in few words. */
  message: string
  /** The request's id, as in `x-request-id`. */
  request_id?: string
  /** The request's method. */
  method?: string
  /** The route's pattern, such as `/v1/live/:id/text`. */
  route?: string
  /** The answer's status; 499 where the client went away. */
  status?: number
  /** Milliseconds until its last byte. */
  ms?: number
  /** `code` of the error that the request ended with. */
  error?: string
}

const SERVER_KEYS: Keys<ServerOptions> = {
  gen: true,
  stream: true,
  policy: true,
  replies: true,
  history: true,
  tooLong: true,
  keys: true,
  hosts: true,
  upstream: true,
  limits: true,
  models: true,
  playground: true,
  observers: true,
  moreMetrics: true,
  onLog: true,
}
const UPSTREAM_KEYS: Keys<UpstreamOptions> = { url: true, key: true, timeoutMs: true, ahead: true }
const REPLY_KEYS: Keys<ReplyOptions> = { holdBack: true, toolCalls: true, media: true, passFields: true }
const LIMIT_KEYS: Keys<LimitOptions> = {
  bodyBytes: true,
  bodyMs: true,
  batch: true,
  concurrency: true,
  queueMs: true,
  sessions: true,
  sessionMs: true,
}

export const DEFAULT_LIMITS: Required<LimitOptions> = {
  bodyBytes: 1 << 20,
  bodyMs: 30_000,
  batch: 1024,
  concurrency: 1024,
  queueMs: 30_000,
  sessions: 4096,
  sessionMs: 300_000,
}

/** @throws TypeError or RangeError for options that `createApp` does not have, and for values that they cannot have */
export function checkServerOptions(options: ServerOptions): void {
  checkKeys('the options of createApp', options, SERVER_KEYS, IN_POLICY)
  const { gen, stream, policy, replies, keys, hosts, upstream, limits, models, playground } = options
  if (gen === undefined && stream === undefined) {
    throw new TypeError(
      'Expected `gen`, `stream` or both: a GenGuard and a StreamGuard that are loaded, or promises of them',
    )
  }
  checkGuard('gen', gen, 'classify')
  checkGuard('stream', stream, 'open')
  if (policy !== undefined) checkPolicy(policy)
  if (replies !== undefined) checkReplies(replies)
  oneOf('history', options.history, ['error', 'drop'])
  oneOf('tooLong', options.tooLong, ['error', 'window'])
  checkWords('keys', keys)
  checkWords('hosts', hosts)
  if (upstream !== undefined) readUpstream(upstream)
  if (upstream !== undefined && stream === undefined) {
    throw new TypeError(
      'Expected `stream` beside `upstream`: what a model writes is judged by a Stream model as it comes',
    )
  }
  if (models !== undefined) checkKeys('models', models, { gen: true, stream: true })
  checkBoolean('playground', playground)
  if (limits === undefined) return
  checkKeys('limits', limits, LIMIT_KEYS)
  for (const [name, value] of Object.entries(limits)) {
    if (name.endsWith('Ms')) checkTimeout(`limits.${name}`, value)
    else if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
      throw new RangeError(`Expected limits.${name} to be a whole number from 1, got ${value}`)
    }
  }
}

/** The upstream with its url, without the slash at its end. @throws TypeError or RangeError if it is none */
export function readUpstream(given: string | UpstreamOptions): UpstreamOptions & { timeoutMs: number } {
  const upstream = typeof given === 'string' ? { url: given } : given
  checkKeys('upstream', upstream, UPSTREAM_KEYS)
  const { url, key, timeoutMs = 60_000, ahead } = upstream
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : null
  if (!parsed || !/^https?:$/.test(parsed.protocol)) {
    throw new TypeError(
      `Expected upstream to be a URL such as https://api.openai.com/v1, got ${JSON.stringify(url)}`,
    )
  }
  if (parsed.username || parsed.password || parsed.search || parsed.hash) {
    throw new TypeError(
      'Expected upstream to be a URL without a user, a query or a fragment: its key is `upstream: { key }`',
    )
  }
  if (key !== undefined && (typeof key !== 'string' || !/^[\x21-\x7e]+$/.test(key))) {
    throw new TypeError('Expected upstream.key to be visible ASCII')
  }
  checkTimeout('upstream.timeoutMs', timeoutMs)
  checkBoolean('upstream.ahead', ahead)
  return { ...upstream, url: parsed.href.replace(/\/+$/, ''), timeoutMs }
}

function checkReplies(replies: ReplyOptions): void {
  checkKeys('replies', replies, REPLY_KEYS)
  const { holdBack, toolCalls, media, passFields } = replies
  if (holdBack !== undefined) checkHoldBack(holdBack)
  oneOf('replies.toolCalls', toolCalls, ['judge', 'pass', 'block'])
  oneOf('replies.media', media, ['pass', 'block'])
  checkWords('replies.passFields', passFields)
}

function checkGuard(name: string, guard: unknown, method: string): void {
  if (guard === undefined || guard instanceof Promise) return
  if (typeof (guard as Record<string, unknown> | null)?.[method] === 'function') return
  const wanted = name === 'gen' ? 'GenGuard' : 'StreamGuard'
  throw new TypeError(
    `Expected \`${name}\` to be a ${wanted} or a promise of one: await ${wanted}.load({ model })`,
  )
}

function checkWords(name: string, list: unknown): void {
  if (list === undefined) return
  if (Array.isArray(list) && list.every((word) => typeof word === 'string' && word !== '')) return
  throw new TypeError(`Expected \`${name}\` to be a list of texts that are not empty`)
}

function oneOf(name: string, value: unknown, values: readonly string[]): void {
  if (value === undefined || values.includes(value as string)) return
  throw new TypeError(
    `Expected ${name} to be ${values.map((item) => `'${item}'`).join(' or ')}, got ${JSON.stringify(value)}`,
  )
}
