import { type DataSet, promptItem, type Reading } from '../item.js'
import { flag, has, text } from './fields.js'

/** lmsys/toxic-chat, both configurations: prompts; the replies carry no label. */
export const toxicChat: DataSet = {
  name: 'toxic-chat',
  title: 'ToxicChat',
  licence: 'CC-BY-NC-4.0',
  labels: () => 'toxicity 1 is unsafe, 0 is safe; jailbreaking is a category, no label',
  recognises: (columns) => has(columns, 'user_input', 'toxicity'),
  read: (row): Reading[] => {
    const prompt = text(row, 'user_input')
    const toxic = flag(row.toxicity)
    if (prompt === null) return [{ skip: 'user_input is null' }]
    if (toxic === null) return [{ skip: 'toxicity is neither 0 nor 1' }]
    const categories = flag(row.jailbreaking) ? ['jailbreaking'] : []
    const annotated = flag(row.human_annotation)
    const source = annotated === null ? null : annotated ? 'annotated by people' : 'not annotated by people'
    return [promptItem(prompt, toxic ? 'Unsafe' : 'Safe', { categories, source, id: text(row, 'conv_id') })]
  },
}
