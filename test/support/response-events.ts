import { pieces } from './replies.js'

export const messageItem = (index: number) => ({ id: `msg_${index}`, type: 'message', role: 'assistant' })
export const reasoningItem = { id: 'rs_1', type: 'reasoning' }
export const response = (more: object = {}) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  model: 'test',
  status: 'in_progress',
  output: [],
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  parallel_tool_calls: true,
  temperature: 1,
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  ...more,
})
const part = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] })
export const numbered = (events: object[]) => events.map((event, i) => ({ ...event, sequence_number: i }))

export function message(text: string, index: number): object[] {
  const item = messageItem(index)
  const at = { item_id: item.id, output_index: index, content_index: 0 }
  return [
    {
      type: 'response.output_item.added',
      output_index: index,
      item: { ...item, status: 'in_progress', content: [] },
    },
    { type: 'response.content_part.added', ...at, part: part('') },
    ...pieces(text).map((delta) => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...at, text, logprobs: [] },
    { type: 'response.content_part.done', ...at, part: part(text) },
    {
      type: 'response.output_item.done',
      output_index: index,
      item: { ...item, status: 'completed', content: [part(text)] },
    },
  ]
}

export function summary(text: string): object[] {
  const at = { item_id: reasoningItem.id, output_index: 0, summary_index: 0 }
  const whole = { type: 'summary_text', text }
  return [
    { type: 'response.output_item.added', output_index: 0, item: { ...reasoningItem, summary: [] } },
    { type: 'response.reasoning_summary_part.added', ...at, part: { type: 'summary_text', text: '' } },
    ...pieces(text).map((delta) => ({ type: 'response.reasoning_summary_text.delta', ...at, delta })),
    { type: 'response.reasoning_summary_text.done', ...at, text },
    { type: 'response.reasoning_summary_part.done', ...at, part: whole },
    { type: 'response.output_item.done', output_index: 0, item: { ...reasoningItem, summary: [whole] } },
  ]
}

export const begin = [
  { type: 'response.created', response: response() },
  { type: 'response.in_progress', response: response() },
]

export function whole(reasoning: string, text: string): object[] {
  const output = [
    { ...reasoningItem, summary: [{ type: 'summary_text', text: reasoning }] },
    { ...messageItem(1), status: 'completed', content: [part(text)] },
  ]
  return numbered([
    ...begin,
    ...summary(reasoning),
    ...message(text, 1),
    { type: 'response.completed', response: response({ status: 'completed', output }) },
  ])
}

export const textOf = (events: readonly { type: string; delta?: unknown }[], kind = 'output_text') =>
  events.map((event) => (event.type === `response.${kind}.delta` ? event.delta : '')).join('')
