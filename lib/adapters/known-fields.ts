import { UnknownChunkError } from '../errors.js'

/** What becomes of the fields that no rule knows. */
export interface Sieve {
  /** Called with the path of each field that is left out. */
  omit(field: string): void
  /** Whether the application has said that fields of this name pass. */
  passes(name: string): boolean
}

/** What is wrong with a chunk: whoever wrote it is at fault, and not who moderates it. It holds names of fields and types alone. */
export class WrongChunkError extends TypeError {}

/** What of a value passes; undefined for nothing. Lists of rules are lists of what is known to be harmless. */
export type Rule = (value: unknown, at: string, sieve: Sieve) => unknown
export type Fields = Record<string, unknown>
export type Rules = Readonly<Record<string, Rule>>

/** What servers write and models do not: an id, a name, a reason, a date, a number. */
export const word: Rule = (value, at, sieve) =>
  value === null || typeof value !== 'object' || value instanceof Date ? value : leftOut(value, at, sieve)

/** A number, or true or false. */
export const figure: Rule = (value, at, sieve) =>
  value === null || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : leftOut(value, at, sieve)

/** What repeats the request or is judged, announced or refused as a whole. */
export const anything: Rule = (value) => value

/** Nothing, and nobody need know: what is sent to fill up a chunk, or repeats what is judged elsewhere. */
export const padding: Rule = () => undefined

/** Nothing, and it is told. */
export const unknown: Rule = (value, at, sieve) => leftOut(value, at, sieve)

export function list(rule: Rule): Rule {
  return (value, at, sieve) => {
    if (value === null) return null
    if (!Array.isArray(value)) return leftOut(value, at, sieve)
    return value.map((one) => rule(one, `${at}[]`, sieve)).filter((one) => one !== undefined)
  }
}

export function record(rules: Rules): Rule {
  return (value, at, sieve) => {
    if (value === null) return null
    if (!isObject(value)) return leftOut(value, at, sieve)
    return known(value, rules, at, sieve)
  }
}

/** A record of figures with these names. */
export function figures(...names: string[]): Rule {
  return record(Object.fromEntries(names.map((name) => [name, figure])))
}

/** Words with these names. */
export function words(...names: string[]): Rules {
  return Object.fromEntries(names.map((name) => [name, word]))
}

/** A copy of what is known of an object. */
export function known(value: object, rules: Rules, at: string, sieve: Sieve): Fields {
  const kept: Fields = {}
  for (const [key, one] of Object.entries(value)) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined
    const path = at === '' ? key : `${at}.${key}`
    const passed = rule ? rule(one, path, sieve) : sieve.passes(key) ? one : leftOut(one, path, sieve)
    if (passed !== undefined) kept[key] = passed
  }
  return kept
}

function leftOut(value: unknown, at: string, sieve: Sieve): undefined {
  const isNothing = value === null || value === undefined || value === ''
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0
  if (!isNothing && !isEmpty) sieve.omit(at)
  return undefined
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
}

/**
 * The texts in a value, at any depth: what a tool is called with or returns. With the names of fields, which a model
 * may make up too.
 */
export function textsWithin(value: unknown): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value]
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return []
  if (value instanceof Error) return [value.message]
  if (Array.isArray(value)) return value.flatMap(textsWithin)
  return Object.entries(value).flatMap(([key, one]) => [key, ...textsWithin(one)])
}

/** What a chunk looks like, where it is one of another API. */
function apiOf(chunk: Fields): string | null {
  const { type, object, choices, candidates, done, message, response } = chunk
  if (typeof type === 'string' && type.startsWith('response.')) {
    return 'an event of the Responses API, which moderateResponse takes'
  }
  if (typeof type === 'string' && /^(message|content_block)_/u.test(type)) return "one of Anthropic's events"
  if (object === 'text_completion') return 'a chunk of a legacy completion'
  if (Array.isArray(choices)) return 'a chunk of a chat completion, which moderateChat takes'
  if (candidates !== undefined) return "one of Gemini's chunks"
  if (done !== undefined && (message !== undefined || response !== undefined)) return "one of Ollama's chunks"
  return typeof type === 'string' ? `one of type ${nameOf(type)}` : null
}

/** A name that a chunk has given, unless it might be anything else than a name. */
export function nameOf(name: unknown): string {
  return typeof name === 'string' && /^[\w.:/-]{1,80}$/u.test(name) ? `'${name}'` : 'another name'
}

/** The error about a chunk that is none of those that were expected. */
export function notOne(expected: string, chunk: unknown): WrongChunkError | UnknownChunkError {
  if (isObject(chunk)) {
    const api = apiOf(chunk)
    if (api === null) return new WrongChunkError(`Expected ${expected}, got an object without it`)
    return new UnknownChunkError(
      `Expected ${expected}, got ${api}: what of it is text is not known here, so it was not released`,
    )
  }
  const isRaw = typeof chunk === 'string' || ArrayBuffer.isView(chunk) || chunk instanceof ArrayBuffer
  const came =
    chunk === null ? 'null' : Array.isArray(chunk) ? 'an array' : isRaw ? 'text or bytes' : typeof chunk
  const hint = isRaw ? ": give the SDK's stream, or the parsed `data` of the server-sent events" : ''
  return new WrongChunkError(`Expected ${expected}, got ${came}${hint}`)
}

/** What is known of a token's probabilities, if they are those of `text`: `undefined` if not. */
export function logprobsOf(value: unknown, text: string, at: string, sieve: Sieve): unknown {
  if (value === null || value === undefined) return value
  if (!Array.isArray(value)) return leftOut(value, at, sieve)
  const tokens = value.filter(isObject)
  const bytes = tokens.map(({ token, bytes }) =>
    Array.isArray(bytes) && bytes.length > 0
      ? Buffer.from(bytes as number[])
      : Buffer.from(String(token ?? '')),
  )
  const isOfText = tokens.length === value.length && Buffer.concat(bytes).equals(Buffer.from(text))
  if (!isOfText) return leftOut(value, at, sieve)
  return tokens.map((token) => known(token, LOGPROB, `${at}[]`, sieve))
}

/** The alternatives to a token are text that nobody has judged. */
const alternatives: Rule = (value, at, sieve) => {
  leftOut(value, at, sieve)
  return []
}

const LOGPROB: Rules = { token: word, logprob: figure, bytes: anything, top_logprobs: alternatives }
