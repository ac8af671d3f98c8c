export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object at `key` of a JSON value, or null. */
export function objectAt(value: unknown, key: string): Record<string, unknown> | null {
  const inner = isObject(value) ? value[key] : null
  return isObject(inner) ? inner : null
}
