import type { Interval } from '../intervals.js'

function attribute(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** A key of a path that may hold the slash that joins paths. */
export function pathKey(key: string): string {
  return key.replaceAll('%', '%25').replaceAll('/', '%2F')
}

/** Text as HTML shows it. Controls, and marks that reorder what is read, are shown as escapes. */
export function escaped(text: string): string {
  return (
    attribute(text.replaceAll('\r\n', '\n'))
      // Tag characters, zero widths, bidi controls and C0/C1 controls, but for tabs and line breaks.
      .replace(
        /[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\u{e0001}|[\u{e0020}-\u{e007f}]/gu,
        (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
      )
  )
}

/** A share as the page shows it: `83.4 %`; a dash for one that is missing. */
export function shownShare(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : `${(100 * value).toFixed(1)} %`
}

export function shownNumber(value: number | null | undefined, digits = 0): string {
  if (value === null || value === undefined) return '–'
  return digits > 0 ? value.toFixed(digits) : value.toLocaleString('en')
}

/** How an element shows the value at its path; a test holds the page to its JSON by it. */
type Kind = 'share' | 'count' | 'decimal'

const SHOW: Record<Kind, (value: number | null | undefined) => string> = {
  share: shownShare,
  count: (value) => shownNumber(value),
  decimal: (value) => shownNumber(value, 3),
}

/** Attributes that name a value of the embedded JSON. */
function marks(path: string, kind: Kind): string {
  return `data-path="${attribute(path)}" data-kind="${kind}"`
}

/** A cell, or another element, with the value at `path` of the embedded JSON. Keys are joined by `/`. */
export function figure(from: object, path: string, kind: Kind = 'share', tag = 'td'): string {
  return `<${tag} ${marks(path, kind)}>${SHOW[kind](numberAt(from, path))}</${tag}>`
}

export function numberAt(from: object, path: string): number | null {
  let value: unknown = from
  for (const key of path.split('/')) {
    if (typeof value !== 'object' || value === null) return null
    value = (value as Record<string, unknown>)[key.replaceAll('%2F', '/').replaceAll('%25', '%')]
  }
  return typeof value === 'number' ? value : null
}

/** `71.2 to 84.0` */
export function shownInterval(interval: Interval | null | undefined): string {
  return interval ? interval.map((end) => (100 * end).toFixed(1)).join(' to ') : '–'
}

export function tableOf(head: readonly string[], rows: readonly string[], caption = ''): string {
  const top = caption === '' ? '' : `<caption>${escaped(caption)}</caption>`
  const heads = head.map((name) => `<th scope="col">${escaped(name)}</th>`).join('')
  return `<div class="scroll"><table>${top}<thead><tr>${heads}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`
}

export function row(...cells: string[]): string {
  return `<tr>${cells.map((cell) => (cell.startsWith('<t') ? cell : `<td>${cell}</td>`)).join('')}</tr>`
}

export const PART_TITLES = { prompt: 'Prompts', response: 'Replies', refusal: 'Refusals' } as const
export const PARTS = ['prompt', 'response', 'refusal'] as const
