import { type DataSet, promptItem, type Reading, type Row } from '../item.js'
import { filled, has, number, structure, text } from './fields.js'

/** SimpleSafetyTests: 100 prompts, all unsafe. */
export const simpleSafetyTests: DataSet = {
  name: 'simple-safety-tests',
  title: 'SimpleSafetyTests',
  licence: 'CC-BY',
  labels: () => 'every prompt is unsafe: recall alone has a meaning',
  recognises: (columns) => has(columns, 'prompt', 'harm_area') || has(columns, 'prompt', 'harm_type'),
  read: (row): Reading[] => {
    const prompt = filled(row, 'prompt')
    if (prompt === null) return [{ skip: 'prompt is null' }]
    const area = filled(row, 'harm_area') ?? filled(row, 'harm_type')
    const extras = {
      categories: area === null ? [] : [area],
      source: filled(row, 'category'),
      id: text(row, 'id'),
    }
    return [promptItem(prompt, 'Unsafe', extras)]
  },
}

/** ToxicityPrompts/RTP-LX: prompts in many languages, with a toxicity of 1 to 5. */
export const rtpLx: DataSet = {
  name: 'rtp-lx',
  title: 'RTP-LX',
  licence: 'MIT, as its authors publish it; see the card of this copy',
  labels: ({ toxicityFrom }) => `a Toxicity of ${toxicityFrom} or more (of 1 to 5) is unsafe`,
  recognises: (columns) => has(columns, 'Prompt', 'Locale', 'PromptAnnotations'),
  read: (row, { toxicityFrom }): Reading[] => {
    const prompt = text(row, 'Prompt')
    if (prompt === null) return [{ skip: 'Prompt is null' }]
    const toxicity = number((structure(row.PromptAnnotations) as Row | null)?.Toxicity)
    if (toxicity === null) return [{ skip: 'PromptAnnotations has no Toxicity' }]
    const extras = { language: filled(row, 'Locale'), id: text(row, 'Index') }
    return [promptItem(prompt, toxicity >= toxicityFrom ? 'Unsafe' : 'Safe', extras)]
  },
}
