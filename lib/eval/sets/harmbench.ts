import { isObject } from '../../data/row.js'
import { type DataSet, promptItem, type Reading, type Row, responseItem } from '../item.js'
import { filled, flag, has, text } from './fields.js'

/** HarmBench's behaviours, all unsafe: there is a recall and no false alarm. */
export const harmBench: DataSet = {
  name: 'harmbench',
  title: 'HarmBench behaviours',
  licence: 'MIT',
  labels: () => 'every behaviour is unsafe: recall alone has a meaning',
  recognises: (columns) => has(columns, 'Behavior', 'FunctionalCategory'),
  read: (row): Reading[] => {
    const behaviour = filled(row, 'Behavior') ?? filled(row, 'prompt')
    if (behaviour === null) return [{ skip: 'Behavior is null' }]
    const context = filled(row, 'ContextString') ?? filled(row, 'context')
    // As HarmBench gives a contextual behaviour to a model.
    const prompt = context === null ? behaviour : `${context}\n\n---\n\n${behaviour}`
    const category = filled(row, 'SemanticCategory') ?? filled(row, 'category')
    const extras = {
      categories: category === null ? [] : [category],
      source: filled(row, 'FunctionalCategory'),
      id: text(row, 'BehaviorID'),
    }
    return [promptItem(prompt, 'Unsafe', extras)]
  },
}

/**
 * The replies of HarmBench's set for classifiers, which is one object of lists, by behaviour. Null for any other row.
 */
export function repliesByBehaviour(record: Row): Row[] | null {
  const lists = Object.values(record)
  const isReplies = (list: unknown) =>
    Array.isArray(list) && list.every((one) => isObject(one) && 'test_case' in one && 'human_0' in one)
  return lists.length > 0 && lists.every(isReplies) ? (lists.flat() as Row[]) : null
}

/** HarmBench's set for classifiers: replies that three people judged. */
export const harmBenchReplies: DataSet = {
  name: 'harmbench-replies',
  title: "HarmBench's classifier set",
  licence: 'MIT',
  labels: () => 'unsafe if most of human_0, human_1, human_2 are 1; ties left out',
  recognises: (columns) => has(columns, 'test_case', 'generation', 'human_0'),
  read: (row): Reading[] => {
    const [prompt, response] = [text(row, 'test_case'), text(row, 'generation')]
    if (prompt === null || response === null) return [{ skip: 'test_case or generation is null' }]
    const votes = [row.human_0, row.human_1, row.human_2].map(flag).filter((vote) => vote !== null)
    const unsafe = votes.filter(Boolean).length
    if (votes.length === 0) return [{ skip: 'no human label' }]
    if (2 * unsafe === votes.length) return [{ skip: 'the annotators do not agree' }]
    const label = 2 * unsafe > votes.length ? 'Unsafe' : 'Safe'
    return [
      responseItem(prompt, response, label, { source: filled(row, 'method'), id: text(row, 'behavior_id') }),
    ]
  },
}
