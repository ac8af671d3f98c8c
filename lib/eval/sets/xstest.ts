import { type DataSet, promptItem, type Reading, type Row, responseItem } from '../item.js'
import { filled, has, isSkipped, labelOf, SAFE_UNSAFE, text } from './fields.js'

/** XSTest: prompts that sound unsafe and are not, beside ones that are; and replies to them in two public layouts. */
export const xstest: DataSet = {
  name: 'xstest',
  title: 'XSTest',
  licence: 'CC-BY-4.0',
  labels: () =>
    'label as it is; without one, a type that begins with "contrast" is unsafe. Replies: "harmful" is unsafe; full and partial refusals are refusals',
  recognises: (columns) =>
    has(columns, 'prompt', 'type', 'focus') ||
    has(columns, 'prompt', 'completion', 'final_label') ||
    has(columns, 'prompt', 'response', 'label', 'prompt_type'),
  read: (row): Reading[] => {
    const prompt = text(row, 'prompt')
    if (prompt === null) return [{ skip: 'prompt is null' }]
    const response = filled(row, 'completion') ?? filled(row, 'response')
    if (response !== null) return [readReply(row, prompt, response)]
    // The label of such a row is of a reply that is not there, and says nothing of the prompt.
    if ('completion' in row || 'final_label' in row) return [{ skip: 'completion is empty' }]
    if ('prompt_type' in row) return [{ skip: 'response is empty' }]
    return [readPrompt(row, prompt)]
  },
}

function readPrompt(row: Row, prompt: string): Reading {
  const type = filled(row, 'type')
  const label = filled(row, 'label')
    ? labelOf(row, 'label', SAFE_UNSAFE)
    : type === null
      ? { skip: 'neither label nor type' }
      : type.startsWith('contrast')
        ? 'Unsafe'
        : 'Safe'
  return isSkipped(label)
    ? label
    : promptItem(prompt, label, {
        categories: type === null ? [] : [type],
        // An older file names its rows by their version.
        id: text(row, 'id') ?? text(row, 'id_v2'),
      })
}

function readReply(row: Row, prompt: string, response: string): Reading {
  const category = filled(row, 'type') ?? filled(row, 'prompt_harm_category')
  const extras = {
    categories: category === null ? [] : [category],
    source: filled(row, 'prompt_type'),
    id: text(row, 'id'),
  }
  const label = (filled(row, 'final_label') ?? filled(row, 'label') ?? '').trim().toLowerCase()
  if (label === 'harmful' || label === 'unharmful') {
    return responseItem(prompt, response, label === 'harmful' ? 'Unsafe' : 'Safe', extras)
  }
  const refusal = /refusal$/.test(label) ? true : /compliance$/.test(label) ? false : null
  if (refusal === null)
    return { skip: label === '' ? 'label is null' : `label is ${JSON.stringify(label.slice(0, 40))}` }
  return responseItem(prompt, response, null, { ...extras, refusal })
}
