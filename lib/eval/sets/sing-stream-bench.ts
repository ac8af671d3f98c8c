import { type DataSet, promptItem, type Reading, responseItem } from '../item.js'
import { has, isSkipped, labelOf, number, SAFE_UNSAFE, text, utf16Offset } from './fields.js'

/** inclusionAI/SingStreamBench: replies with the character at which they become unsafe. */
export const singStreamBench: DataSet = {
  name: 'sing-stream-bench',
  title: 'SingStreamBench',
  licence: 'see the card of the data set',
  labels: () => '"unsafe" is unsafe, "safe" is safe',
  recognises: (columns) => has(columns, 'Query', 'Response', 'Unsafe_Start_Index'),
  read: (row): Reading[] => {
    const prompt = text(row, 'Query')
    if (prompt === null) return [{ skip: 'Query is null' }]
    const readings: Reading[] = []
    const asked = labelOf(row, 'Query_Label', SAFE_UNSAFE)
    readings.push(isSkipped(asked) ? asked : promptItem(prompt, asked))
    const response = text(row, 'Response')
    const said = labelOf(row, 'Response_Label', SAFE_UNSAFE)
    if (response === null) return [...readings, { skip: 'Response is null' }]
    if (isSkipped(said)) return [...readings, said]
    const start = number(row.Unsafe_Start_Index)
    const offset = start === null || start < 0 ? null : utf16Offset(response, start)
    const located = said === 'Unsafe' && offset !== null && offset < response.length
    const span = located ? ({ unit: 'character', start: offset, end: null } as const) : null
    return [...readings, responseItem(prompt, response, said, { span })]
  },
}
