import { type DefectiveRow, isObject, type SoundRow } from './row.js'

/** A row from the JSON text of one value. */
export function jsonRow(text: string): SoundRow | DefectiveRow {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const why = /[:[,]\s*(?:NaN|-?Infinity)\b/.test(text)
      ? 'NaN and Infinity are no JSON: write null'
      : (cause as Error).message
    return { record: null, text, defect: `expected a JSON object: ${why}` }
  }
  if (isObject(value)) return { record: value, text, defect: null }
  const got = Array.isArray(value) ? 'an array' : value === null ? 'null' : `a ${typeof value}`
  return { record: null, text, defect: `expected a JSON object, got ${got}` }
}
