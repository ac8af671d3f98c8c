import type { ColumnFlags } from '../data/columns.js'
import type { Safety } from '../labels.js'
import type { Message } from '../types.js'

/** What of a row is judged. */
export type Target = 'prompt' | 'response'

/**
 * Where a reply becomes unsafe, as its annotators have it. Characters are UTF-16 units of the judged text from its
 * start; without an `end`, the sentence that holds `start` is meant. Tokens are positions in `ids`, the rendering that
 * the data set carries, in which the reply begins at `split`; `end` is the last one.
 */
export type UnsafeSpan =
  | { unit: 'character'; start: number; end: number | null }
  | { unit: 'token'; start: number; end: number; ids: readonly number[]; split: number; reasoning: boolean }

/** One labelled text. A row of a data set may hold several: its prompt, and the reply to it. */
export interface EvalItem {
  target: Target
  /** The conversation, whose last message is judged. */
  messages: Message[]
  /** Null where only the refusal is labelled. */
  label: Safety | null
  /** Whether the reply refuses; null where nobody labelled it. */
  refusal: boolean | null
  /** Categories of harm, as the data set names them. */
  categories: string[]
  /** As the data set names it. */
  language: string | null
  /** Part of the data set that it comes from; null where the set names none. */
  source: string | null
  id: string | null
  span: UnsafeSpan | null
}

/** A part of a row that cannot be used, and why; the reasons are counted. */
export interface Skipped {
  skip: string
}

/** What a row of a data set holds. */
export type Reading = EvalItem | Skipped

/** Which side labels such as Controversial and "Needs Caution" are on. */
export type Caution = 'unsafe' | 'safe' | 'skip'

export interface ReadOptions {
  /** Default `'unsafe'`. */
  caution: Caution
  /** Toxicity, of 1 to 5, from which an RTP-LX prompt counts as unsafe. */
  toxicityFrom: number
  /** Names of columns in a file of no public layout. */
  columns: ColumnFlags & { label?: string }
  /** Told what was guessed of such a file. */
  onNote?(note: string): void
}

export const READ_DEFAULTS: ReadOptions = { caution: 'unsafe', toxicityFrom: 2, columns: {} }

/** A public data set's layout. */
export interface DataSet {
  /** What `--format` calls it. */
  name: string
  title: string
  licence: string
  /** How its labels become safe and unsafe, in a sentence. */
  labels(options: ReadOptions): string
  /** Whether a file with these columns is of this layout. */
  recognises(columns: ReadonlySet<string>): boolean
  /** The labelled texts of one row. */
  read(row: Row, options: ReadOptions): Reading[]
}

export type Row = Readonly<Record<string, unknown>>

type Extras = Partial<Omit<EvalItem, 'target' | 'messages' | 'label'>>

const EXTRAS = { refusal: null, categories: [], language: null, source: null, id: null, span: null }

export function promptItem(prompt: string, label: Safety, extras: Extras = {}): EvalItem {
  const messages: Message[] = [{ role: 'user', content: prompt }]
  return { target: 'prompt', messages, label, ...EXTRAS, ...extras }
}

export function responseItem(
  prompt: string,
  response: string,
  label: Safety | null,
  extras: Extras = {},
): EvalItem {
  const messages: Message[] = [
    { role: 'user', content: prompt },
    { role: 'assistant', content: response },
  ]
  return { target: 'response', messages, label, ...EXTRAS, ...extras }
}

/** The side of a label; null where it is on none. */
export function isLabelledUnsafe(label: Safety, caution: Caution): boolean | null {
  if (label !== 'Controversial') return label === 'Unsafe'
  return caution === 'skip' ? null : caution === 'unsafe'
}
