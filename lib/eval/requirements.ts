import { isLabelledUnsafe } from './item.js'
import type { EvalReport } from './report-data.js'

type Comparison = '>=' | '<=' | '>' | '<' | '=='

/** A condition such as `f1.strict>=0.85`. */
export interface Requirement {
  expression: string
  path: string[]
  comparison: Comparison
  bound: number
}

export type RequirementResult = EvalReport['requirements'][number]

const METRICS = ['f1', 'precision', 'recall', 'fpr', 'accuracy']
const PARTS = ['prompt', 'response', 'refusal'] as const
const TOTALS = ['n', 'unjudged', 'rows']

/**
 * Reads one condition, or several joined by commas or `&&`.
 *
 * @throws RangeError that shows what can be asked for
 */
export function parseRequirements(text: string): Requirement[] {
  return text.split(/,|&&/).map((expression) => {
    const parts = /^\s*([A-Za-z][\w.]*)\s*(>=|<=|==|=|>|<)\s*([\d.]+)\s*(%?)\s*$/.exec(expression)
    const path = parts?.[1]?.split('.') ?? []
    const bound = Number(parts?.[3]) / (parts?.[4] === '%' ? 100 : 1)
    if (parts === null || !Number.isFinite(bound) || !isKnown(path)) {
      throw new RangeError(
        `Expected a condition such as f1.strict>=0.85, response.recall.loose>=90%, refusal.f1>=0.8, unjudged==0 or latency.strict.within128.withAhead>=0.9, got ${JSON.stringify(expression.trim())}`,
      )
    }
    const comparison = (parts[2] === '=' ? '==' : parts[2]) as Comparison
    return { expression: expression.trim(), path, comparison, bound }
  })
}

function isKnown(path: readonly string[]): boolean {
  const [first = '', ...rest] = path
  if (path.length === 1 && TOTALS.includes(first)) return true
  if (first === 'latency') return rest.length > 0
  const part = (PARTS as readonly string[]).includes(first)
  const names = part ? rest : path
  if (part && names.length === 1)
    return (
      TOTALS.includes(names[0] as string) || (first === 'refusal' && METRICS.includes(names[0] as string))
    )
  if (names.length !== 2) return false
  return (
    names.some((name) => METRICS.includes(name)) &&
    names.some((name) => name === 'strict' || name === 'loose')
  )
}

/** Whether a report meets a condition. Of a figure that it does not have, it does not. */
export function check(requirement: Requirement, report: Omit<EvalReport, 'requirements'>): RequirementResult {
  const { expression, path, comparison, bound } = requirement
  const found = valuesAt(path, report)
  const missing = found.find(({ value }) => value === null)
  if (found.length === 0 || missing !== undefined) {
    const why = `there is no ${missing?.name ?? path.join('.')} in these data`
    return { expression, value: null, met: false, why }
  }
  const numbers = found as { name: string; value: number }[]
  const failing = numbers.find(({ value }) => !holds(value, comparison, bound))
  const { name, value } = failing ?? (numbers[0] as { name: string; value: number })
  return { expression, value, met: failing === undefined, why: `${name} is ${Number(value.toFixed(4))}` }
}

/**
 * Whether the requirements say how many texts may be without a verdict: the total, or of every part that has such
 * texts. Else none may be: a condition on prompts alone hides no reply.
 */
export function limitsUnjudged(report: EvalReport): boolean {
  const limited = new Set<string>()
  for (const { path } of report.requirements.flatMap(({ expression }) => parseRequirements(expression))) {
    if (path.length === 1 && path[0] === 'unjudged') return true
    if (path.length === 2 && path[1] === 'unjudged') limited.add(path[0] as string)
  }
  if (PARTS.some((part) => (report[part]?.unjudged ?? 0) > 0 && !limited.has(part))) return false
  const { caution } = report.settings
  // A text may be in no part, such as a Controversial one where such labels are left out: the total alone counts it.
  return report.items.every(
    ({ safety, label, refusalLabel }) =>
      safety !== null ||
      (label !== null && isLabelledUnsafe(label, caution) !== null) ||
      (refusalLabel !== null && report.refusal !== null),
  )
}

/** Without a part, the condition holds for prompts and replies alike, where there are any. */
function valuesAt(
  path: readonly string[],
  report: Omit<EvalReport, 'requirements'>,
): { name: string; value: number | null }[] {
  const [first = '', ...rest] = path
  if (path.length === 1 && TOTALS.includes(first)) return [{ name: first, value: numberAt(report, path) }]
  if (first === 'latency') return [{ name: path.join('.'), value: numberAt(report, path) }]
  const part = PARTS.find((name) => name === first)
  const names = part === undefined ? [...path] : rest
  const metric = names.find((name) => METRICS.includes(name) || TOTALS.includes(name)) as string
  const reading = names.find((name) => name === 'strict' || name === 'loose')
  const parts =
    part === undefined ? (['prompt', 'response'] as const).filter((name) => report[name] !== null) : [part]
  return parts.map((name) => {
    const at = TOTALS.includes(metric) ? [name, metric] : [name, reading ?? 'strict', metric]
    return {
      name: [name, metric, ...(reading === undefined ? [] : [reading])].join('.'),
      value: numberAt(report, at),
    }
  })
}

function numberAt(from: object, path: readonly string[]): number | null {
  let value: unknown = from
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null
    value = (value as Record<string, unknown>)[name]
  }
  // A share with its interval, such as within128.withAhead.
  if (typeof value === 'object' && value !== null && 'share' in value) value = value.share
  return typeof value === 'number' ? value : null
}

function holds(value: number, comparison: Comparison, bound: number): boolean {
  switch (comparison) {
    case '>=':
      return value >= bound
    case '<=':
      return value <= bound
    case '>':
      return value > bound
    case '<':
      return value < bound
    case '==':
      return value === bound
  }
}
