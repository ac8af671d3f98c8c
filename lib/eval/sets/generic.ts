import { valueAt } from '../../data/column-value.js'
import { RowColumns } from '../../data/columns.js'
import { InputError } from '../../data/input-error.js'
import type { Safety } from '../../labels.js'
import type { Message } from '../../types.js'
import type { DataSet, EvalItem, Reading, ReadOptions, Row } from '../item.js'
import { filled, flag, isSkipped, number, structure, text } from './fields.js'

const LABEL_COLUMNS = ['label', 'safety', 'harm_label', 'unsafe', 'is_unsafe', 'harmful', 'toxic', 'toxicity']

/** Words for the three severities; numbers and booleans say whether a text is unsafe. */
const WORDS: Readonly<Record<string, Safety>> = {
  safe: 'Safe',
  benign: 'Safe',
  harmless: 'Safe',
  unharmful: 'Safe',
  controversial: 'Controversial',
  unsafe: 'Unsafe',
  harmful: 'Unsafe',
  toxic: 'Unsafe',
}

/** Rows of one's own: what `batch` takes, with labels. docs/guides/evaluate.md lists the columns. */
export const generic: DataSet = {
  name: 'generic',
  title: 'rows of no public layout',
  licence: 'not stated',
  labels: ({ caution }) =>
    `safe, unsafe and controversial as they are; ${caution === 'skip' ? 'controversial is left out' : `controversial counts as ${caution}`}`,
  recognises: () => false,
  read: (row, options): Reading[] => {
    const parts = conversation(row, options)
    if (isSkipped(parts)) return [parts]
    const { messages, last } = parts
    const asked = messages.slice(0, messages.findLastIndex(({ role }) => role === 'user') + 1)
    const readings: Reading[] = []
    const labels = {
      prompt: severityIn(row, ['prompt_label', 'prompt_harm_label', 'prompt_safety']),
      response: severityIn(row, ['response_label', 'response_harm_label', 'response_safety']),
      whole:
        isSafeColumn(row) ?? severityIn(row, options.columns.label ? [options.columns.label] : LABEL_COLUMNS),
    }
    const named =
      options.columns.label === undefined ? labels : { prompt: null, response: null, whole: labels.whole }
    const refusal = last === 'assistant' ? refusalIn(row) : null
    if (named.prompt !== null && asked.length > 0) {
      readings.push(
        isSkipped(named.prompt) ? named.prompt : item(row, options, asked, 'prompt', named.prompt, null),
      )
    }
    const label =
      last === 'assistant' ? (named.response ?? named.whole) : named.prompt === null ? named.whole : null
    if (isSkipped(label)) readings.push(label)
    else if (label !== null || refusal !== null) {
      readings.push(
        item(row, options, messages, last === 'assistant' ? 'response' : 'prompt', label, refusal),
      )
    }
    return readings.length > 0 ? readings : [{ skip: 'no label' }]
  },
}

const READERS = new WeakMap<ReadOptions, RowColumns>()

/** What is judged, found as `batch` finds it: one reader for a file's rows, which says once what it guesses. */
function conversation(
  row: Row,
  options: ReadOptions,
): { messages: Message[]; last: Message['role'] } | { skip: string } {
  let columns = READERS.get(options)
  if (columns === undefined) {
    const { label: _, ...flags } = options.columns
    columns = new RowColumns(flags, options.onNote === undefined ? {} : { onNote: options.onNote })
    READERS.set(options, columns)
  }
  try {
    const { messages } = columns.inputOf(row)
    const last = messages.at(-1) as Message
    const reasoning = text(row, 'reasoning')
    if (reasoning !== null && last.role === 'assistant') last.reasoning ??= reasoning
    return { messages, last: last.role }
  } catch (error) {
    // Of input alone: it is all that changes from row to row.
    if (error instanceof InputError || error instanceof TypeError) return { skip: error.message }
    throw error
  }
}

function item(
  row: Row,
  { columns }: ReadOptions,
  messages: Message[],
  target: EvalItem['target'],
  label: Safety | null,
  refusal: boolean | null,
): EvalItem {
  const listed = structure(row.categories)
  const names = Array.isArray(listed) ? listed.map(String) : (filled(row, 'categories') ?? '').split(',')
  const category = filled(row, 'category')
  const start = number(row.unsafe_start)
  return {
    target,
    messages,
    label,
    refusal,
    categories: [...names, category ?? ''].map((name) => name.trim()).filter((name) => name !== ''),
    language: filled(row, 'language') ?? filled(row, 'lang'),
    source: filled(row, 'source'),
    id: text(row, columns.id ?? 'id'),
    span:
      target === 'response' && start !== null
        ? { unit: 'character', start, end: number(row.unsafe_end) }
        : null,
  }
}

function severityIn(row: Row, names: readonly string[]): Safety | { skip: string } | null {
  for (const name of names) {
    const value = valueAt(row, name)
    if (value === undefined || value === null || value === '') continue
    const word = String(value).trim().toLowerCase()
    const known = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined
    if (known !== undefined) return known
    const unsafe = flag(value)
    if (unsafe === null) return { skip: `${name} is ${JSON.stringify(String(value).slice(0, 40))}` }
    return unsafe ? 'Unsafe' : 'Safe'
  }
  return null
}

function isSafeColumn(row: Row): Safety | null {
  const safe = flag(row.is_safe)
  return safe === null ? null : safe ? 'Safe' : 'Unsafe'
}

function refusalIn(row: Row): boolean | null {
  const value = filled(row, 'refusal') ?? filled(row, 'response_refusal_label') ?? filled(row, 'is_refusal')
  const word = value?.trim().toLowerCase()
  if (word === 'yes' || word === 'refusal') return true
  if (word === 'no' || word === 'compliance') return false
  return flag(word)
}
