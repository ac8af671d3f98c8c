import type { Safety } from '../../labels.js'
import type { Row, Skipped } from '../item.js'

/** A field's text; null where it is missing or null. CSV has text only, Parquet numbers of both kinds. */
export function text(row: Row, name: string): string | null {
  const value = row[name]
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value)
  return null
}

/** A field that some files leave empty where others have null. */
export function filled(row: Row, name: string): string | null {
  const value = text(row, name)
  return value === null || value.trim() === '' ? null : value
}

/** 0 or 1, true or false, in any spelling; null for all else. */
export function flag(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value
  const word = typeof value === 'string' ? value.trim().toLowerCase() : String(value)
  if (word === '1' || word === 'true' || word === '1.0') return true
  if (word === '0' || word === 'false' || word === '0.0') return false
  return null
}

export function number(value: unknown): number | null {
  if (typeof value === 'bigint') return Number(value)
  const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof parsed === 'number' && Number.isFinite(parsed) ? parsed : null
}

/** A list or an object, also one that a file of text has as JSON; null for all else. */
export function structure(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) return value
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return null
  try {
    return JSON.parse(value) as unknown
  } catch {
    return null
  }
}

/** Names that an object of booleans holds as true. */
export function trueNames(value: unknown): string[] {
  const object = structure(value)
  if (object === null || Array.isArray(object)) return []
  return Object.entries(object as object).flatMap(([name, held]) => (flag(held) === true ? [name] : []))
}

export const SAFE_UNSAFE = { safe: 'Safe', unsafe: 'Unsafe' } as const
export const HARMFUL_UNHARMFUL = { harmful: 'Unsafe', unharmful: 'Safe' } as const
export const REFUSAL_COMPLIANCE = { refusal: true, compliance: false } as const

/** The label that a word stands for, or why there is none. */
export function labelOf(row: Row, name: string, words: Readonly<Record<string, Safety>>): Safety | Skipped {
  const value = filled(row, name)
  if (value === null) return { skip: `${name} is null` }
  const word = value.trim().toLowerCase()
  const label = Object.hasOwn(words, word) ? words[word] : undefined
  return label ?? { skip: `${name} is ${JSON.stringify(value.slice(0, 40))}` }
}

export function isSkipped(value: unknown): value is Skipped {
  return typeof value === 'object' && value !== null && 'skip' in value
}

/** Text in UTF-16 units from a count of characters as Python counts them. */
export function utf16Offset(content: string, characters: number): number {
  let offset = 0
  for (let i = 0; i < characters && offset < content.length; i++) {
    offset += (content.codePointAt(offset) as number) > 0xffff ? 2 : 1
  }
  return offset
}

export function has(columns: ReadonlySet<string>, ...names: string[]): boolean {
  return names.every((name) => columns.has(name))
}
