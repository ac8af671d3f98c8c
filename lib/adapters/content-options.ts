import { checkKeys } from '../options.js'
import { IN_POLICY } from '../policy.js'
import type { Unjudged } from '../stream/events.js'
import { checkModerateValues, MODERATE_KEYS } from '../stream/moderate.js'
import type { Rule, Sieve } from './known-fields.js'
import type { AdapterOptions } from './moderator.js'
import type { Piece } from './source-pieces.js'

/** What adapters take besides whose streams hold more than text. */
export interface ContentOptions extends AdapterOptions {
  /**
   * What becomes of tool calls, their arguments and results: they pass unjudged, after an `unjudged` event each; their text
   * is judged as a reply's is, as it comes; or the first blocks the reply. Default `'pass'`.
   */
  toolCalls?: 'judge' | 'pass' | 'block'
  /**
   * What becomes of images and files, which the guard cannot see, in the prompt and the reply: they pass after an `unjudged`
   * event each, or block. Speech is left out of replies either way. Default `'pass'`, but for a user's message that has
   * nothing else: that is a block unless `'pass'` is given.
   */
  media?: 'pass' | 'block'
  /** Names of further fields that pass unjudged: of those that `omitted` events name. Default: none. */
  passFields?: readonly string[]
}

const { unsupportedParts: _, ...MODERATE } = MODERATE_KEYS
export const ADAPTER_KEYS = { ...MODERATE, onEvent: true, replacement: true } as const
export const CONTENT_KEYS = { ...ADAPTER_KEYS, toolCalls: true, media: true, passFields: true } as const

/** @throws TypeError for options that the adapter `what` does not have, TypeError or RangeError for wrong values */
export function checkAdapter(
  what: string,
  options: AdapterOptions,
  keys: Readonly<Record<string, true>> = ADAPTER_KEYS,
): void {
  checkKeys(`the options of ${what}`, options, keys, IN_POLICY)
  checkModerateValues(options)
  const { onEvent, replacement } = options
  if (onEvent !== undefined && typeof onEvent !== 'function') {
    throw new TypeError(`Expected onEvent to be a function, got ${typeof onEvent}`)
  }
  if (replacement !== undefined && typeof replacement !== 'string' && typeof replacement !== 'function') {
    throw new TypeError(`Expected replacement to be a text or a function, got ${typeof replacement}`)
  }
}

/** @throws as `checkAdapter` */
export function checkContent(
  what: string,
  options: ContentOptions,
  more: Readonly<Record<string, true>> = {},
): void {
  checkAdapter(what, options, { ...CONTENT_KEYS, ...more })
  const { toolCalls, media, passFields } = options
  oneOf('toolCalls', toolCalls, ['judge', 'pass', 'block'])
  oneOf('media', media, ['pass', 'block'])
  if (
    passFields !== undefined &&
    !(Array.isArray(passFields) && passFields.every((name) => typeof name === 'string'))
  ) {
    throw new TypeError('Expected passFields to be an array of names of fields')
  }
}

function oneOf(name: string, value: unknown, values: readonly string[]): void {
  if (value === undefined || values.includes(value as string)) return
  throw new TypeError(
    `Expected ${name} to be ${values.map((item) => `'${item}'`).join(' or ')}, got ${JSON.stringify(value)}`,
  )
}

/** What becomes of content of this kind. */
export function treatment(what: Unjudged, { toolCalls = 'pass', media = 'pass' }: ContentOptions) {
  return what === 'media' ? media : toolCalls
}

/** Collects the fields that a chunk's rules have left out, to be told. */
export class FieldSieve implements Sieve {
  readonly #passed: ReadonlySet<string>
  #omitted: string[] = []

  constructor({ passFields = [] }: ContentOptions) {
    this.#passed = new Set(passFields)
  }

  omit(field: string): void {
    this.#omitted.push(field)
  }

  passes(name: string): boolean {
    return this.#passed.has(name)
  }

  /** What a rule lets pass of a value. */
  kept<T>(rule: Rule, value: unknown, at: string): T {
    return rule(value, at, this) as T
  }

  /** What was left out since the last call. */
  *told(): Generator<Extract<Piece<never>, { type: 'omitted' }>> {
    const fields = this.#omitted
    this.#omitted = []
    for (const field of fields) yield { type: 'omitted', field }
  }
}
