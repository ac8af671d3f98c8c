import type { Safety } from '../../labels.js'
import { type Caution, type DataSet, promptItem, type Reading, type Row, responseItem } from '../item.js'
import { filled, has, isSkipped, labelOf, SAFE_UNSAFE, text } from './fields.js'

/** nvidia/Aegis-AI-Content-Safety-Dataset-2.0. Rows whose prompt is withheld cannot be judged. */
export const aegis2: DataSet = {
  name: 'aegis-2',
  title: 'Aegis 2.0',
  licence: 'CC-BY-4.0',
  labels: () => '"unsafe" is unsafe, "safe" is safe; rows that are REDACTED or without a label are left out',
  recognises: (columns) => has(columns, 'prompt', 'prompt_label', 'violated_categories'),
  read: (row): Reading[] => {
    const prompt = text(row, 'prompt')
    if (prompt === null) return [{ skip: 'prompt is null' }]
    if (prompt === 'REDACTED') return [{ skip: 'prompt is REDACTED' }]
    const violated = (filled(row, 'violated_categories') ?? '').split(',').map((name) => name.trim())
    const extras = (label: Safety) => ({
      categories: label === 'Unsafe' ? violated.filter((name) => name !== '') : [],
      id: text(row, 'id'),
    })
    const asked = labelOf(row, 'prompt_label', SAFE_UNSAFE)
    const readings: Reading[] = [isSkipped(asked) ? asked : promptItem(prompt, asked, extras(asked))]
    const response = filled(row, 'response')
    if (response === null) {
      return filled(row, 'response_label') === null ? readings : [...readings, { skip: 'response is empty' }]
    }
    const said = labelOf(row, 'response_label', SAFE_UNSAFE)
    return [...readings, isSkipped(said) ? said : responseItem(prompt, response, said, extras(said))]
  },
}

const SIDES: Record<Caution, string> = {
  unsafe: 'counts as unsafe',
  safe: 'counts as safe',
  skip: 'is left out',
}

/** nvidia/Aegis-AI-Content-Safety-Dataset-1.0: up to five annotators, of whom the majority counts. */
export const aegis1: DataSet = {
  name: 'aegis-1',
  title: 'Aegis 1.0',
  licence: 'CC-BY-4.0',
  labels: ({ caution }) =>
    `majority of the annotators, ties left out; "Needs Caution" ${SIDES[caution]}. Replies are judged behind an empty prompt: the set has none for them`,
  recognises: (columns) => has(columns, 'text', 'text_type', 'labels_0'),
  read: (row, { caution }): Reading[] => {
    const content = text(row, 'text')
    if (content === null) return [{ skip: 'text is null' }]
    const type = filled(row, 'text_type') ?? ''
    if (type !== 'user_message' && type !== 'llm_response') {
      return [{ skip: `text_type is ${JSON.stringify(type)}: its turns cannot be told apart` }]
    }
    const vote = majority(row, caution)
    if (isSkipped(vote)) return [vote]
    const { label, categories } = vote
    if (type === 'user_message') return [promptItem(content, label, { categories, id: text(row, 'id') })]
    // The set has replies without what they reply to.
    return [responseItem('', content, label, { categories, id: text(row, 'id') })]
  },
}

function majority(row: Row, caution: Caution): { label: Safety; categories: string[] } | { skip: string } {
  const votes: Record<Safety, number> = { Safe: 0, Controversial: 0, Unsafe: 0 }
  const named = new Map<string, number>()
  for (let i = 0; i < 5; i++) {
    const vote = filled(row, `labels_${i}`)
    if (vote === null || vote === 'None') continue
    const names = vote.split(',').map((name) => name.trim())
    const harms = names.filter((name) => name !== 'Safe' && name !== 'Needs Caution')
    for (const name of harms) named.set(name, (named.get(name) ?? 0) + 1)
    if (harms.length > 0) votes.Unsafe += 1
    else if (names.includes('Needs Caution')) votes.Controversial += 1
    else votes.Safe += 1
  }
  const { Safe, Controversial, Unsafe } = votes
  if (Safe + Controversial + Unsafe === 0) return { skip: 'no annotator' }
  const unsafe = Unsafe + (caution === 'unsafe' ? Controversial : 0)
  const safe = Safe + (caution === 'safe' ? Controversial : 0)
  if (caution === 'skip' && Controversial > Math.max(safe, unsafe)) return { skip: 'Needs Caution' }
  if (unsafe === safe) return { skip: 'the annotators do not agree' }
  if (safe > unsafe) return { label: Controversial > Safe ? 'Controversial' : 'Safe', categories: [] }
  if (Controversial > Unsafe) return { label: 'Controversial', categories: [] }
  const most = Math.max(...named.values())
  return { label: 'Unsafe', categories: [...named].filter(([, n]) => n === most).map(([name]) => name) }
}
