import { membersOf } from '../data/members.js'
import type { Row } from '../data/row.js'
import { inOneLine, jsonOf } from '../data/row-json.js'
import { isOneOf } from '../data/table-cells.js'
import type { RowError } from './row-error.js'

/** What is added to a row. */
export type Added = ({ verdict: object } | { error: RowError }) & {
  /** With --reward: null beside an error, never a number. */
  reward?: number | null
}

/** Members of an output row that are ours: a row's own of these names, and of `name.…`, are replaced. */
export const ADDED = new Set(['verdict', 'error'])

/**
 * The row with `added`, as a line of JSON. The row's own text is kept where it can be, because parsing and printing
 * it again would change its large numbers. What is no row stands under `row`.
 */
export function outputRow({ record, text }: Row, added: Added): string {
  if (record === null) return JSON.stringify({ row: text, ...added })
  const spelled = text === null ? jsonOf(record) : inOneLine(text)
  const addedMembers = jsonOf(added).slice(1)
  const replaced = new Set([...ADDED, ...Object.keys(added)])
  if (Object.keys(record).some((name) => isOneOf(name, replaced))) {
    const kept = [...membersOf(spelled)].filter(({ name }) => !isOneOf(name, replaced))
    return `{${kept.map((member) => `${member.text},`).join('')}${addedMembers}`
  }
  const head = spelled.trimEnd().slice(0, -1)
  const comma = Object.keys(record).length === 0 ? '' : ','
  return `${head}${comma}${addedMembers}`
}
