import type { Static, TSchema } from 'typebox'
import Value from 'typebox/value'
import { nearestOf } from '../../options.js'
import { badRequest, type HttpError } from '../errors.js'

interface Fault {
  keyword: string
  schemaPath: string
  instancePath: string
  params: Record<string, unknown>
  message: string
}

/**
 * A value of a request as its schema says it is.
 * @param at the field that the value is, such as `input[3]`; nothing for the whole body
 * @throws HttpError 400 that names the field which is at fault
 */
export function valid<Schema extends TSchema>(schema: Schema, value: unknown, at = ''): Static<Schema> {
  if (Value.Check(schema, value)) return value as Static<Schema>
  throw faultOf(schema, value, Value.Errors(schema, value) as unknown as Fault[], at)
}

function faultOf(schema: TSchema, value: unknown, faults: readonly Fault[], at: string): HttpError {
  const isOf = (keyword: string) => faults.find((fault) => fault.keyword === keyword)
  const required = isOf('required')
  if (required) {
    const [name] = required.params.requiredProperties as string[]
    const param = pathOf(required.instancePath, at, name)
    return badRequest(`Missing required parameter: '${param}'`, param, 'missing_required_parameter')
  }
  const additional = isOf('additionalProperties')
  if (additional) {
    const [name = ''] = additional.params.additionalProperties as string[]
    const param = pathOf(additional.instancePath, at, name.slice(0, 100))
    const known = Object.keys((lookUp(schema, additional.schemaPath)?.properties as object | undefined) ?? {})
    const nearest = nearestOf(name, known)
    const hint = nearest === undefined ? `: there are ${known.join(', ')}` : `: did you mean '${nearest}'?`
    return badRequest(`Unknown parameter: '${param}'${hint}`, param, 'unknown_parameter')
  }
  const path = faultyPath(faults)
  const param = pathOf(path, at)
  const described = schemaAt(schema, path)?.description
  const wanted =
    typeof described === 'string' ? `expected ${described}` : (faults[0]?.message ?? 'it is not valid')
  const name = param === '' ? 'the body' : `'${param}'`
  return badRequest(
    `Invalid ${name}: ${wanted}, got ${shown(pointed(value, path))}`,
    param === '' ? null : param,
    'invalid_value',
  )
}

/**
 * Where the fault is: of alternatives none of which fits, the value that they are alternatives for. Only the first faults
 * are listed, so that it may not be among them.
 */
function faultyPath(faults: readonly Fault[]): string {
  const [first = ''] = faults.map(({ instancePath }) => instancePath)
  const isEither = faults.some(({ keyword }) => keyword === 'anyOf') || faults.length > 4
  if (!isEither) return first
  const common = faults.reduce<string[]>((steps, { instancePath }) => {
    const other = instancePath.split('/')
    const end = steps.findIndex((step, i) => step !== other[i])
    return end < 0 ? steps : steps.slice(0, end)
  }, first.split('/'))
  return common.length > 1 ? common.join('/') : first
}

/** The schema of the value at a path, as far as it is in no alternative. */
function schemaAt(schema: TSchema, pointer: string): Record<string, unknown> | undefined {
  type Inner = { properties?: Record<string, unknown>; items?: unknown; description?: unknown }
  return pointer
    .split('/')
    .slice(1)
    .reduce<Inner | undefined>(
      (inner, step) => (inner?.properties?.[unescaped(step)] ?? inner?.items) as Inner | undefined,
      schema as Inner,
    ) as Record<string, unknown> | undefined
}

/** `/input/2/text` as `input[2].text`. */
function pathOf(pointer: string, at: string, name?: string): string {
  const steps = [...pointer.split('/').slice(1).map(unescaped), ...(name === undefined ? [] : [name])]
  return steps.reduce((path, step) => {
    if (/^\d+$/.test(step)) return `${path}[${step}]`
    return path === '' ? step : `${path}.${step}`
  }, at)
}

function unescaped(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~')
}

function pointed(value: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((found, step) => (found as Record<string, unknown> | null)?.[unescaped(step)], value)
}

/** The schema that a fault is about: that of the keyword's own place. */
function lookUp(schema: TSchema, path: string): Record<string, unknown> | null {
  const found = path
    .split('/')
    .slice(1)
    .reduce<unknown>((inner, step) => (inner as Record<string, unknown> | null)?.[unescaped(step)], schema)
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : null
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (Array.isArray(value)) return `a list of ${value.length}`
  return typeof value === 'object' ? 'an object' : `${value} (${typeof value})`
}
