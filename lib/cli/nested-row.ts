import { ADDED } from '../batch/output-row.js'
import type { RowFormat } from '../data/row.js'

/** Members of verdicts and errors that are text; of the others a table of text has the JSON. */
const TEXTS = new Set([
  'safety',
  'category',
  'text',
  'model',
  'kind',
  'action',
  'because',
  'part',
  'code',
  'message',
  'source',
  'id',
])

/** Members that are null where there is nothing to say; others are then left out. */
const NULLABLE = new Set([
  'verdict.refusal',
  'verdict.scores.refusal',
  'verdict.prompt.category',
  'verdict.reply.category',
  'verdict.reply.at',
  'verdict.usage.leastMargin',
])

/** Members that are objects, or null. */
const MAYBE_OBJECTS = ['reply', 'thinking']

/**
 * A row of an output that was written as a table, as JSONL has it: `verdict.safety` and the like are members of `verdict`
 * again, with their types, and a row that failed has its error alone.
 *
 * @param rewarded whether the run wrote rewards: then `reward` is its own, else a column of the input
 */
export function nestedRow(
  record: Readonly<Record<string, unknown>>,
  format: RowFormat,
  rewarded: boolean,
): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  const cells: [name: string, value: unknown][] = []
  for (const [name, value] of Object.entries(record)) {
    const [top = ''] = name.split('.')
    if (name !== top && ADDED.has(top)) cells.push([name, value])
    else if (!rewarded || name !== 'reward') row[name] = value
  }
  if (cells.length === 0) return { ...record }
  const isText = format === 'csv' || format === 'tsv'
  const failed = (record['error.code'] ?? null) !== null
  const added = failed ? 'error' : 'verdict'
  const tree: Record<string, unknown> = {}
  const filled = new Set(cells.filter(([, value]) => value !== null).map(([name]) => partOf(name)))
  for (const [name, value] of cells) {
    if (!name.startsWith(`${added}.`)) continue
    const part = partOf(name)
    if (MAYBE_OBJECTS.includes(part) && !filled.has(part)) tree[part] = null
    else if (value !== null || NULLABLE.has(name)) put(tree, name, isText ? parsed(name, value) : value)
  }
  row[added] = tree
  if (rewarded) row.reward = isText ? parsed('reward', record.reward ?? null) : (record.reward ?? null)
  return row
}

/** `reply` of `verdict.reply.at` */
function partOf(name: string): string {
  return name.split('.')[1] ?? ''
}

function put(tree: Record<string, unknown>, name: string, value: unknown): void {
  const path = name.split('.').slice(1)
  const last = path.pop() as string
  let at = tree
  for (const member of path) {
    at[member] ??= {}
    at = at[member] as Record<string, unknown>
  }
  at[last] = value
}

function parsed(name: string, value: unknown): unknown {
  if (typeof value !== 'string' || TEXTS.has(name.slice(name.lastIndexOf('.') + 1))) return value
  try {
    return JSON.parse(value) as unknown
  } catch {
    return value
  }
}
