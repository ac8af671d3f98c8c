import { isObject } from './row.js'

/** The value of a column; of `a.b`, where no column is called so, that of field `b` of column `a`. */
export function valueAt(record: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(record, path)) return record[path]
  let value: unknown = record
  for (const name of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}

/** Whether a column, or a field of one, is there, be it null. */
export function hasColumn(record: Readonly<Record<string, unknown>>, path: string): boolean {
  if (Object.hasOwn(record, path)) return true
  let value: unknown = record
  for (const name of path.split('.')) {
    // A null says nothing of what it would hold.
    if (value === null) return true
    if (!isObject(value) || !Object.hasOwn(value, name)) return false
    value = value[name]
  }
  return true
}
