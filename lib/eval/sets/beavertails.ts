import { type DataSet, type Reading, responseItem } from '../item.js'
import { filled, flag, has, text, trueNames } from './fields.js'

/** PKU-Alignment/BeaverTails. */
export const beaverTails: DataSet = {
  name: 'beavertails',
  title: 'BeaverTails',
  licence: 'CC-BY-NC-4.0',
  labels: () => 'is_safe false is unsafe; of the reply to its prompt',
  recognises: (columns) => has(columns, 'prompt', 'response', 'category', 'is_safe'),
  read: (row): Reading[] => {
    const [prompt, response, safe] = [text(row, 'prompt'), text(row, 'response'), flag(row.is_safe)]
    if (prompt === null || response === null) return [{ skip: 'prompt or response is null' }]
    if (safe === null) return [{ skip: 'is_safe is neither true nor false' }]
    return [responseItem(prompt, response, safe ? 'Safe' : 'Unsafe', { categories: trueNames(row.category) })]
  },
}

/** PKU-Alignment/PKU-SafeRLHF, two replies a row, and its -QA form with one. */
export const pkuSafeRlhf: DataSet = {
  name: 'pku-saferlhf',
  title: 'PKU-SafeRLHF',
  licence: 'CC-BY-NC-4.0',
  labels: () =>
    'is_safe (is_response_0_safe, is_response_1_safe) false is unsafe; of each reply to its prompt',
  recognises: (columns) =>
    has(columns, 'prompt', 'response_0', 'is_response_0_safe') ||
    has(columns, 'prompt', 'response', 'is_safe', 'harm_category'),
  read: (row): Reading[] => {
    const prompt = text(row, 'prompt')
    if (prompt === null) return [{ skip: 'prompt is null' }]
    const one = (response: string, safe: string, harms: string, source: string): Reading => {
      const [reply, isSafe] = [text(row, response), flag(row[safe])]
      if (reply === null) return { skip: `${response} is null` }
      if (isSafe === null) return { skip: `${safe} is neither true nor false` }
      const extras = { categories: trueNames(row[harms]), source: filled(row, source) }
      return responseItem(prompt, reply, isSafe ? 'Safe' : 'Unsafe', extras)
    }
    if (!('response_0' in row)) return [one('response', 'is_safe', 'harm_category', 'response_source')]
    return [0, 1].map((i) =>
      one(`response_${i}`, `is_response_${i}_safe`, `response_${i}_harm_category`, `response_${i}_source`),
    )
  },
}
