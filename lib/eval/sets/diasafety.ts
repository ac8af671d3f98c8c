import { type DataSet, type Reading, responseItem } from '../item.js'
import { filled, has, isSkipped, labelOf, SAFE_UNSAFE, text } from './fields.js'

/** thu-coai/DiaSafety: replies in the context of what they reply to. */
export const diaSafety: DataSet = {
  name: 'diasafety',
  title: 'DiaSafety',
  licence: 'Apache-2.0',
  labels: () => '"Unsafe" is unsafe, "Safe" is safe; of the reply in its context',
  recognises: (columns) => has(columns, 'context', 'response', 'label'),
  read: (row): Reading[] => {
    const [context, response] = [text(row, 'context'), text(row, 'response')]
    if (context === null || response === null) return [{ skip: 'context or response is null' }]
    const label = labelOf(row, 'label', SAFE_UNSAFE)
    if (isSkipped(label)) return [label]
    const category = filled(row, 'category')
    const extras = { categories: category === null ? [] : [category], source: filled(row, 'source') }
    return [responseItem(context, response, label, extras)]
  },
}
