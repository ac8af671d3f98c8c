import { type DataSet, promptItem, type Reading } from '../item.js'
import { flag, has, text } from './fields.js'

const NAMES: Readonly<Record<string, string>> = {
  S: 'sexual',
  H: 'hate',
  V: 'violence',
  HR: 'harassment',
  SH: 'self-harm',
  S3: 'sexual/minors',
  H2: 'hate/threatening',
  V2: 'violence/graphic',
}

/** The 1,680 samples of OpenAI's moderation-api-release. A key that a row lacks was not labelled. */
export const openaiModeration: DataSet = {
  name: 'openai-moderation',
  title: 'OpenAI moderation (1680)',
  licence: 'MIT',
  labels: () => 'unsafe if any of S, H, V, HR, SH, S3, H2, V2 is 1; keys that are absent count as 0',
  // Rows lack keys, and so may the first: two will do, or one that has no other use.
  recognises: (columns) =>
    has(columns, 'prompt') &&
    (Object.keys(NAMES).filter((key) => columns.has(key)).length >= 2 ||
      ['S3', 'H2', 'V2', 'HR'].some((key) => columns.has(key))),
  read: (row): Reading[] => {
    const prompt = text(row, 'prompt')
    if (prompt === null) return [{ skip: 'prompt is null' }]
    const labelled = Object.entries(NAMES).filter(([key]) => flag(row[key]) !== null)
    if (labelled.length === 0) return [{ skip: 'no category is labelled' }]
    const categories = labelled.flatMap(([key, name]) => (flag(row[key]) ? [name] : []))
    return [promptItem(prompt, categories.length > 0 ? 'Unsafe' : 'Safe', { categories })]
  },
}
