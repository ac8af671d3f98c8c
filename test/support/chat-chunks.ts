import { PROMPT, pieces } from './replies.js'

type Chunk = import('openai').OpenAI.ChatCompletionChunk
type Delta = Record<string, unknown>

export const MESSAGES = [
  { role: 'developer' as const, content: 'Be brief.' },
  { role: 'user' as const, content: [{ type: 'text' as const, text: PROMPT }] },
]

export function chunk(delta: Delta, more: object = {}, index = 0): object {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'test',
    choices: [{ index, delta, logprobs: null, finish_reason: null, ...more }],
  }
}

export function contents(text: string, field = 'content', index = 0): object[] {
  return pieces(text).map((piece) => chunk({ [field]: piece }, {}, index))
}

export const start = (index = 0) => chunk({ role: 'assistant', content: '', refusal: null }, {}, index)
export const stop = (finish_reason = 'stop', index = 0) => chunk({}, { finish_reason }, index)
export const TOOL_CALL = [
  chunk({
    tool_calls: [{ index: 0, id: 'call', type: 'function', function: { name: 'weather', arguments: '' } }],
  }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":"Paris"}' } }] }),
]

export function textOf(chunks: readonly Chunk[], field = 'content', index = 0): string {
  return chunks
    .flatMap(({ choices }) => choices.filter((choice) => choice.index === index))
    .map(({ delta }) => (delta as Delta)[field] ?? '')
    .join('')
}

export const finishes = (chunks: readonly Chunk[]) =>
  chunks.flatMap(({ choices }) =>
    choices.flatMap(({ index, finish_reason }) => (finish_reason ? [`${index} ${finish_reason}`] : [])),
  )
